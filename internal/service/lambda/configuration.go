package lambda

import (
	"time"

	api "cloister/internal/awsapi/lambda"
)

// timeFormat is how Lambda writes LastModified and CreatedDate.
const timeFormat = "2006-01-02T15:04:05.000-0700"

// configuration is v as the API shows it, under the qualifier it was asked for.
func (v *version) configuration(f ref) *api.FunctionConfiguration {
	c := &api.FunctionConfiguration{
		FunctionName:     ptr(f.Name),
		FunctionArn:      ptr(f.arn()),
		Runtime:          ptr(v.Runtime),
		Role:             ptr(v.Role),
		Handler:          ptr(v.Handler),
		CodeSize:         ptr(v.Code.Size),
		CodeSha256:       ptr(v.Code.SHA256),
		Description:      ptr(v.Description),
		Timeout:          ptr(v.Timeout),
		MemorySize:       ptr(v.MemoryMB),
		LastModified:     ptr(v.Modified.UTC().Format(timeFormat)),
		Version:          ptr(v.name()),
		RevisionId:       ptr(v.RevisionID),
		PackageType:      ptr("Zip"),
		Architectures:    []string{v.Architecture},
		EphemeralStorage: &api.EphemeralStorage{Size: ptr(v.TmpMB)},
		TracingConfig:    &api.TracingConfigResponse{Mode: ptr(v.Tracing)},
		SnapStart:        &api.SnapStartResponse{ApplyOn: ptr("None"), OptimizationStatus: ptr("Off")},
		LoggingConfig:    v.Logging.config(f),
		State:            ptr("Active"),
		LastUpdateStatus: ptr("Successful"),
	}
	if v.Environment != nil {
		c.Environment = &api.EnvironmentResponse{Variables: v.Environment}
	}
	c.VpcConfig = v.VPC.wire()
	if v.KMSKey != "" {
		c.KMSKeyArn = ptr(v.KMSKey)
	}
	for _, l := range v.Layers {
		c.Layers = append(c.Layers, &api.Layer{Arn: ptr(l.ARN), CodeSize: ptr(l.Code.Size)})
	}
	return c
}

// creating is the configuration as CreateFunction answers it: AWS reports a
// function Pending until it can be invoked, which here is as soon as it has
// been committed.
func (v *version) creating(f ref) *api.FunctionConfiguration {
	c := v.configuration(f)
	c.State = ptr("Pending")
	c.StateReason = ptr("The function is being created.")
	c.StateReasonCode = ptr("Creating")
	c.LastUpdateStatus = nil
	return c
}

// updating is the configuration as an update answers it.
func (v *version) updating(f ref) *api.FunctionConfiguration {
	c := v.configuration(f)
	c.LastUpdateStatus = ptr("InProgress")
	c.LastUpdateStatusReason = ptr("The function is being created.")
	c.LastUpdateStatusReasonCode = ptr("Creating")
	return c
}

// listed is the configuration as lists show it: without its state.
func (v *version) listed(f ref) *api.FunctionConfiguration {
	c := v.configuration(f)
	c.State, c.LastUpdateStatus = nil, nil
	return c
}

func (l logging) config(f ref) *api.LoggingConfig {
	c := &api.LoggingConfig{LogFormat: ptr(l.Format), LogGroup: ptr(l.group(f))}
	if l.ApplicationLevel != "" {
		c.ApplicationLogLevel = ptr(l.ApplicationLevel)
	}
	if l.SystemLevel != "" {
		c.SystemLogLevel = ptr(l.SystemLevel)
	}
	return c
}

func (l logging) group(f ref) string {
	if l.Group != "" {
		return l.Group
	}
	return "/aws/lambda/" + f.Name
}

// touch marks v as changed now.
func (v *version) touch(now time.Time) {
	v.Modified = now
	v.RevisionID = newID()
	v.PublishedAs = 0
}
