package iam

import (
	"slices"
	"strconv"
	"strings"

	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/iam"
	"cloister/internal/door"
	"cloister/internal/guardrail"
	"cloister/internal/store"
	"cloister/policy"
)

const (
	versionsPerPolicy = 5
	versionQuota      = 10_000 // of all policies of an account
)

func (s *Service) registerVersions(d *door.Door) {
	door.Write(d, api.OpCreatePolicyVersion, onPolicy("iam:CreatePolicyVersion",
		func(in *api.CreatePolicyVersionRequest) *string { return in.PolicyArn }), s.createPolicyVersion)
	door.Read(d, api.OpGetPolicyVersion, onPolicy("iam:GetPolicyVersion",
		func(in *api.GetPolicyVersionRequest) *string { return in.PolicyArn }), s.getPolicyVersion)
	door.Read(d, api.OpListPolicyVersions, onPolicy("iam:ListPolicyVersions",
		func(in *api.ListPolicyVersionsRequest) *string { return in.PolicyArn }), s.listPolicyVersions)
	door.Write(d, api.OpDeletePolicyVersion, onPolicy("iam:DeletePolicyVersion",
		func(in *api.DeletePolicyVersionRequest) *string { return in.PolicyArn }), s.deletePolicyVersion)
	door.Write(d, api.OpSetDefaultPolicyVersion, onPolicy("iam:SetDefaultPolicyVersion",
		func(in *api.SetDefaultPolicyVersionRequest) *string { return in.PolicyArn }), s.setDefaultPolicyVersion)
}

func countVersions(tx *store.Tx, account string, by int64) error {
	return adjust(tx, account, func(c *counts) *int64 { return &c.Versions }, by, "PolicyVersionsInUse", versionQuota)
}

func (s *Service) createPolicyVersion(c *door.Call, tx *store.Tx, in *api.CreatePolicyVersionRequest) (*api.CreatePolicyVersionResponse, error) {
	p, err := ownPolicy(tx, c.Account, awsapi.Val(in.PolicyArn))
	if err != nil {
		return nil, err
	}
	document := awsapi.Val(in.PolicyDocument)
	parsed, err := s.checkManaged(document)
	if err != nil {
		return nil, err
	}
	if len(p.Versions) >= versionsPerPolicy {
		return nil, limitExceeded("A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", versionsPerPolicy)
	}
	if err := countVersions(tx, p.Account, 1); err != nil {
		return nil, err
	}
	p.Last++
	if err := s.guardVersion(c, tx, p, p.Last, parsed); err != nil {
		return nil, err
	}
	v := version{p.Last, document, second(c.Time)}
	p.Versions, p.Updated = append(p.Versions, v), v.Created
	if awsapi.Val(in.SetAsDefault) {
		p.Default = v.Number
	}
	answer := describeVersion(p, &v)
	answer.Document = nil
	return &api.CreatePolicyVersionResponse{PolicyVersion: answer}, putPolicy(tx, p)
}

// findVersion finds a policy and one of its versions.
func findVersion(r store.Reader, account, arn, id string) (*managed, *version, error) {
	p, err := findPolicy(r, account, arn)
	if err != nil {
		return nil, nil, err
	}
	number, err := strconv.ParseInt(strings.TrimPrefix(id, "v"), 10, 64)
	if err == nil {
		if v := p.version(number); v != nil {
			return p, v, nil
		}
	}
	return nil, nil, noSuchEntity("Policy %s version %s does not exist or is not attachable.", arn, id)
}

func (s *Service) getPolicyVersion(c *door.Call, r store.Reader, in *api.GetPolicyVersionRequest) (*api.GetPolicyVersionResponse, error) {
	p, v, err := findVersion(r, c.Account, awsapi.Val(in.PolicyArn), awsapi.Val(in.VersionId))
	if err != nil {
		return nil, err
	}
	return &api.GetPolicyVersionResponse{PolicyVersion: describeVersion(p, v)}, nil
}

// listPolicyVersions lists the newest version first, as AWS does.
func (s *Service) listPolicyVersions(c *door.Call, r store.Reader, in *api.ListPolicyVersionsRequest) (*api.ListPolicyVersionsResponse, error) {
	p, err := findPolicy(r, c.Account, awsapi.Val(in.PolicyArn))
	if err != nil {
		return nil, err
	}
	newest := slices.Clone(p.Versions)
	slices.Reverse(newest)
	page, err := paginate(newest, func(v version) string { return descending(v.Number) }, in.Marker, in.MaxItems)
	return &api.ListPolicyVersionsResponse{
		Versions: each(page.items, func(v version) *api.PolicyVersion {
			d := describeVersion(p, &v)
			d.Document = nil
			return d
		}),
		IsTruncated: page.truncated, Marker: page.marker,
	}, err
}

// descending is a key that orders numbers from high to low.
func descending(n int64) string {
	return strconv.FormatInt(1<<62-n, 10) // all have 19 digits
}

func (s *Service) deletePolicyVersion(c *door.Call, tx *store.Tx, in *api.DeletePolicyVersionRequest) (*awsapi.None, error) {
	if _, err := ownPolicy(tx, c.Account, awsapi.Val(in.PolicyArn)); err != nil {
		return nil, err
	}
	p, v, err := findVersion(tx, c.Account, awsapi.Val(in.PolicyArn), awsapi.Val(in.VersionId))
	if err != nil {
		return nil, err
	}
	if v.Number == p.Default {
		return nil, deleteConflict("Cannot delete the default version of a policy.")
	}
	number := v.Number
	if err := guardrail.Gone(tx, p.Account, p.arn(), versionPart(number), c.Time); err != nil {
		return nil, err
	}
	p.Versions = slices.DeleteFunc(p.Versions, func(v version) bool { return v.Number == number })
	if err := countVersions(tx, p.Account, -1); err != nil {
		return nil, err
	}
	return &awsapi.None{}, putPolicy(tx, p)
}

func (s *Service) setDefaultPolicyVersion(c *door.Call, tx *store.Tx, in *api.SetDefaultPolicyVersionRequest) (*awsapi.None, error) {
	if _, err := ownPolicy(tx, c.Account, awsapi.Val(in.PolicyArn)); err != nil {
		return nil, err
	}
	p, v, err := findVersion(tx, c.Account, awsapi.Val(in.PolicyArn), awsapi.Val(in.VersionId))
	if err != nil {
		return nil, err
	}
	parsed, err := s.parse(policy.KindIdentity, v.Text)
	if err != nil {
		return nil, err
	}
	if err := s.guardVersion(c, tx, p, v.Number, parsed); err != nil {
		return nil, err
	}
	p.Default, p.Updated = v.Number, second(c.Time)
	return &awsapi.None{}, putPolicy(tx, p)
}

func describeVersion(p *managed, v *version) *api.PolicyVersion {
	created := v.Created
	return &api.PolicyVersion{
		VersionId: str(versionID(v.Number)), Document: escape(v.Text),
		IsDefaultVersion: awsapi.Ptr(v.Number == p.Default), CreateDate: &created,
	}
}
