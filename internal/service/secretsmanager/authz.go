package secretsmanager

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	api "cloister/internal/awsapi/secretsmanager"
	"cloister/internal/door"
	"cloister/internal/store"
	"cloister/policy"
)

// onSecret needs action on the secret that the input names. What was found is
// c.Found for the handler.
func onSecret[In any](action string, id func(*In) *string, more ...func(*In, policy.MapContext)) door.Auth[In] {
	return door.Permission(func(c *door.Call, r store.Reader, in *In) ([]door.Need, error) {
		f, err := find(c, r, val(id(in)))
		if err != nil {
			return nil, err
		}
		c.Found = f
		need, err := f.need(action, val(id(in)))
		for _, add := range more {
			add(in, need.Context)
		}
		return []door.Need{need}, err
	})
}

// needsOfGet are those of onSecret for GetSecretValue, from memory.
func (s *Service) needsOfGet(c *door.Call, r store.Reader, in *api.GetSecretValueRequest) ([]door.Need, error) {
	f, err := findIn(c, s.remembered(c, r), val(in.SecretId))
	if err != nil {
		return nil, err
	}
	c.Found = f
	need, err := f.need("GetSecretValue", val(in.SecretId))
	conditionsOfGet(in, need.Context)
	return []door.Need{need}, err
}

// theSecret is what the resolver of the call found.
func theSecret(c *door.Call) (*secret, error) {
	f := c.Found.(found)
	switch {
	case f.row == nil:
		return nil, notFound()
	case !f.row.Deleted.IsZero():
		return nil, marked()
	}
	return f.row, nil
}

// need is action on a secret, named as the caller did; the same for one that
// does not exist, but for what is its own
// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html).
func (f *found) need(action, named string) (door.Need, error) {
	need := door.Need{
		Action: "secretsmanager:" + action, Resource: f.ref.arn(), Account: f.ref.Account, Named: named,
		Context: policy.MapContext{"secretsmanager:secretid": {named}},
	}
	if f.row == nil {
		return need, nil
	}
	return need, f.row.describe(&need)
}

// describe adds what a secret itself says to a need: its policy and its tags.
func (s *secret) describe(need *door.Need) error {
	need.Context["secretsmanager:secretprimaryregion"] = []string{s.Region}
	for _, t := range s.Tags {
		key := strings.ToLower(t.Key)
		need.Context["secretsmanager:resourcetag/"+key] = []string{t.Value}
		need.Context["aws:resourcetag/"+key] = []string{t.Value}
	}
	if s.Rotation.Function != "" {
		need.Context["secretsmanager:resource/allowrotationlambdaarn"] = []string{s.Rotation.Function}
	}
	if s.Policy == "" {
		return nil
	}
	p := s.known.policy
	if p == nil {
		var err error
		if p, err = policy.Parse(policy.KindResource, []byte(s.Policy)); err != nil {
			return err
		}
	}
	need.ResourcePolicy = &policy.Named{Name: s.arn(), Policy: p}
	return nil
}

// Describe adds to a need on a secret what the secret itself says.
func (s *Service) Describe(r store.Reader, need *door.Need) error {
	parts := strings.SplitN(need.Resource, ":", 7)
	if len(parts) < 7 || parts[5] != "secret" || len(parts[6]) <= suffixLength+1 {
		return nil
	}
	at := len(parts[6]) - suffixLength - 1
	row, err := secrets.Get(r, store.K(parts[4], parts[3], parts[6][:at]))
	if or404(err) != err || err == nil && row.Suffix != parts[6][at+1:] {
		return nil
	}
	if err != nil {
		return err
	}
	need.Account = row.Account
	if need.Context == nil {
		need.Context = policy.MapContext{}
	}
	return row.describe(need)
}

func needsOfCreate(c *door.Call, r store.Reader, in *api.CreateSecretRequest) ([]door.Need, error) {
	f := found{ref: secret{Account: c.Account, Region: c.Region, Name: val(in.Name), Suffix: unknown}}
	need, _ := f.need("CreateSecret", val(in.Name))
	delete(need.Context, "secretsmanager:secretid")
	given(need.Context, "secretsmanager:name", in.Name)
	given(need.Context, "secretsmanager:description", in.Description)
	given(need.Context, "secretsmanager:kmskeyid", in.KmsKeyId)
	addRequestTags(need.Context, in.Tags)
	addReplicas(need.Context, in.AddReplicaRegions, in.ForceOverwriteReplicaSecret)
	needs := []door.Need{need}
	if len(in.Tags) > 0 {
		tagging := need
		tagging.Action = "secretsmanager:TagResource"
		needs = append(needs, tagging)
	}
	if len(in.AddReplicaRegions) > 0 {
		replicating := need
		replicating.Action = "secretsmanager:ReplicateSecretToRegions"
		needs = append(needs, replicating)
	}
	return needs, nil
}

func given(context policy.MapContext, key string, v *string) {
	if v != nil {
		context[key] = []string{*v}
	}
}

func flag(context policy.MapContext, key string, v *bool) {
	if v != nil {
		context[key] = []string{strconv.FormatBool(*v)}
	}
}

func addReplicas(context policy.MapContext, regions []*api.ReplicaRegionType, force *bool) {
	for _, r := range regions {
		context["secretsmanager:addreplicaregions"] = append(context["secretsmanager:addreplicaregions"], val(r.Region))
	}
	flag(context, "secretsmanager:forceoverwritereplicasecret", force)
}

func addRequestTags(context policy.MapContext, tags []*api.Tag) {
	all := map[string]string{}
	for _, t := range tags {
		all[val(t.Key)] = val(t.Value)
	}
	keys := slices.Sorted(maps.Keys(all))
	for _, key := range keys {
		context["aws:requesttag/"+strings.ToLower(key)] = []string{all[key]}
	}
	if len(keys) > 0 {
		context["aws:tagkeys"] = keys
	}
}

func conditionsOfGet(in *api.GetSecretValueRequest, context policy.MapContext) {
	given(context, "secretsmanager:versionid", in.VersionId)
	given(context, "secretsmanager:versionstage", in.VersionStage)
	if in.VersionId == nil && in.VersionStage == nil {
		context["secretsmanager:versionstage"] = []string{current}
	}
}

func conditionsOfUpdate(in *api.UpdateSecretRequest, context policy.MapContext) {
	given(context, "secretsmanager:description", in.Description)
	given(context, "secretsmanager:kmskeyid", in.KmsKeyId)
}

func conditionsOfDelete(in *api.DeleteSecretRequest, context policy.MapContext) {
	if in.RecoveryWindowInDays != nil {
		context["secretsmanager:recoverywindowindays"] = []string{strconv.FormatInt(*in.RecoveryWindowInDays, 10)}
	}
	flag(context, "secretsmanager:forcedeletewithoutrecovery", in.ForceDeleteWithoutRecovery)
}

// needsOfRotate are the secret, and the function where one is given.
func needsOfRotate(c *door.Call, r store.Reader, in *api.RotateSecretRequest) ([]door.Need, error) {
	f, err := find(c, r, val(in.SecretId))
	if err != nil {
		return nil, err
	}
	c.Found = f
	need, err := f.need("RotateSecret", val(in.SecretId))
	if err != nil {
		return nil, err
	}
	given(need.Context, "secretsmanager:rotationlambdaarn", in.RotationLambdaARN)
	flag(need.Context, "secretsmanager:rotateimmediately", in.RotateImmediately)
	flag(need.Context, "secretsmanager:modifyrotationrules", ptr(in.RotationRules != nil))
	needs := []door.Need{need}
	if in.RotationLambdaARN != nil {
		needs = append(needs, door.Need{Action: "lambda:InvokeFunction", Resource: *in.RotationLambdaARN})
	}
	return needs, nil
}
