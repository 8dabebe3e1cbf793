// Package activity tells what a user or a role did, from the audit log: the platform's
// operation ListPrincipalActivity, from which least privilege is derived. It keeps
// nothing, and reads a bounded part of the log for each page.
package activity

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"time"

	"cloister/internal/audit"
	"cloister/internal/awsapi"
	"cloister/internal/awsapi/platform"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// What a page costs at most.
const (
	pageRecords = 20_000
	pageEntries = 2_000
)

// Service answers ListPrincipalActivity. It is safe for concurrent use.
type Service struct {
	Audit *audit.Log

	records int64 // of the log, a page
	entries int   // of the answer, a page
}

// New makes the service.
func New(log *audit.Log) *Service {
	return &Service{Audit: log, records: pageRecords, entries: pageEntries}
}

// Register registers the operation. Its permission is
// cloister:ListPrincipalActivity, on the ARN of the user or role.
func (s *Service) Register(d *door.Door) {
	door.Act(d, platform.OpListPrincipalActivity, door.Permission(func(c *door.Call, _ store.Reader, in *platform.ListPrincipalActivityRequest) ([]door.Need, error) {
		need, err := d.About(c, "cloister:ListPrincipalActivity", awsapi.Val(in.Principal))
		return []door.Need{need}, err
	}), s.list)
}

func (s *Service) list(c *door.Call, in *platform.ListPrincipalActivityRequest) (*platform.ListPrincipalActivityResponse, error) {
	q := query{principal: *in.Principal, since: awsapi.Val(in.Since), until: awsapi.Val(in.Until)}
	if !policy.IsARN(q.principal) {
		return nil, awsapi.Errorf("ValidationException", "%q is not the ARN of a user or role.", q.principal)
	}
	if !q.until.IsZero() && !q.since.Before(q.until) {
		return nil, awsapi.Errorf("ValidationException", "Since must be before Until.")
	}
	var next, end int64
	if in.NextToken != nil {
		var ok bool
		if next, end, ok = readToken(*in.NextToken); !ok || next > end || end > s.Audit.Size() {
			return nil, awsapi.Errorf("ValidationException", "The NextToken is none of an earlier answer.")
		}
	} else {
		var err error
		if end = s.Audit.Size(); end > 0 && !q.since.IsZero() {
			next, err = s.seek(c, q.since, end)
		}
		if err != nil {
			return nil, err
		}
	}
	return s.page(c, &q, next, end)
}

// page reads a part of the log from index next on, up to end: the log as it was
// when the first page was asked for, so that reading does not chase its own record.
func (s *Service) page(ctx context.Context, q *query, next, end int64) (*platform.ListPrincipalActivityResponse, error) {
	found := tally{}
	last := min(end, next+s.records)
	from := next
	if next < last {
		for e, err := range s.Audit.Records(ctx, next) {
			if err != nil {
				return nil, err
			}
			q.count(&e.Record, found)
			if next = e.Index + 1; next >= last || len(found) >= s.entries {
				break
			}
		}
	}
	out := &platform.ListPrincipalActivityResponse{Activity: found.sorted(), Scanned: next - from}
	if next < end {
		out.NextToken = awsapi.Ptr(token(next, end))
	}
	return out, nil
}

// slack is more than the time from a call's beginning, which its record has, to
// its place in the log.
const slack = time.Hour

// seek finds an index before which no record of calls since a time can be:
// whatever is before a record of a call that began well earlier was written
// earlier still. Records are nearly in the order of their times, so halving
// finds a good one.
func (s *Service) seek(ctx context.Context, since time.Time, end int64) (int64, error) {
	low, high := int64(0), end // all before low can be left out
	for high-low > max(1, s.records/4) {
		middle := low + (high-low)/2
		at, err := s.timeOf(ctx, middle)
		if err != nil {
			return 0, err
		}
		if at.Before(since.Add(-slack)) {
			low = middle
		} else {
			high = middle
		}
	}
	return low, nil
}

func (s *Service) timeOf(ctx context.Context, index int64) (time.Time, error) {
	for e, err := range s.Audit.Records(ctx, index) {
		return e.Time, err
	}
	return time.Time{}, nil
}

// A token is the index of the next record and the end of the log. It needs no
// secrecy: it only says where to read, and the permission is asked for again.
func token(next, end int64) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(next))
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(b, uint64(end)))
}

func readToken(text string) (next, end int64, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) != 16 {
		return 0, 0, false
	}
	next, end = int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint64(b[8:]))
	return next, end, next >= 0 && end >= 0
}
