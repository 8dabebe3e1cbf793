package escalation

// The kinds of resources that techniques make, use, or need to be there.
const (
	FreeAccessKey     = "iam:free-access-key" // a user that has fewer than two access keys
	AccessKey         = "iam:access-key"      // a user that has one
	LoginProfile      = "iam:login-profile"
	NoLoginProfile    = "iam:no-login-profile"
	Function          = "lambda:function"
	TriggeredFunction = "lambda:triggered-function" // one that others invoke
	Mapping           = "lambda:event-source-mapping"
	Stream            = "dynamodb:stream"
	Table             = "dynamodb:table"

	Instance            = "ec2:instance"
	SpotRequest         = "ec2:spot-instances-request"
	LaunchTemplate      = "ec2:launch-template"
	LaunchConfiguration = "autoscaling:launch-configuration"
	ScalingGroup        = "autoscaling:group"

	Cluster           = "ecs:cluster"
	ContainerInstance = "ecs:container-instance"
	ContainerService  = "ecs:service"
	TaskDefinition    = "ecs:task-definition"
	Task              = "ecs:task"

	JobQueue           = "batch:job-queue"
	JobDefinition      = "batch:job-definition"
	ComputeEnvironment = "batch:compute-environment"

	DevEndpoint = "glue:dev-endpoint"
	GlueJob     = "glue:job"
	GlueTrigger = "glue:trigger"
	GlueSession = "glue:session"

	Stack            = "cloudformation:stack"
	StackSet         = "cloudformation:stack-set"
	Project          = "codebuild:project"
	Notebook         = "sagemaker:notebook-instance"
	LifecycleConfig  = "sagemaker:notebook-instance-lifecycle-config"
	TrainingJob      = "sagemaker:training-job"
	ProcessingJob    = "sagemaker:processing-job"
	AppRunnerService = "apprunner:service"
	CodeInterpreter  = "bedrock-agentcore:code-interpreter"
	Environment      = "airflow:environment"
	Pipeline         = "datapipeline:pipeline"
	AmplifyBranch    = "amplify:branch"
	AmplifyJob       = "amplify:job"
	BraketJob        = "braket:job"
)

// arns has the form of the ARNs of a kind: R stands for the region, A for the
// account, N for a name (Service Authorization Reference). Of a call that works
// on several resources, such as ec2:RunInstances, the one that is named for it
// stands for all.
var arns = map[string]string{
	Function:          "arn:aws:lambda:R:A:function:N",
	TriggeredFunction: "arn:aws:lambda:R:A:function:N",
	Mapping:           "*",
	Table:             "arn:aws:dynamodb:R:A:table/N",

	Instance:            "arn:aws:ec2:R:A:instance/N",
	SpotRequest:         "arn:aws:ec2:R:A:spot-instances-request/N",
	LaunchTemplate:      "arn:aws:ec2:R:A:launch-template/N",
	LaunchConfiguration: "arn:aws:autoscaling:R:A:launchConfiguration:N:launchConfigurationName/N",
	ScalingGroup:        "arn:aws:autoscaling:R:A:autoScalingGroup:N:autoScalingGroupName/N",

	Cluster:          "arn:aws:ecs:R:A:cluster/N",
	ContainerService: "arn:aws:ecs:R:A:service/N/N",
	TaskDefinition:   "arn:aws:ecs:R:A:task-definition/N:1",
	Task:             "arn:aws:ecs:R:A:task/N/N",

	JobQueue:           "arn:aws:batch:R:A:job-queue/N",
	JobDefinition:      "arn:aws:batch:R:A:job-definition/N",
	ComputeEnvironment: "arn:aws:batch:R:A:compute-environment/N",

	DevEndpoint: "arn:aws:glue:R:A:devEndpoint/N",
	GlueJob:     "arn:aws:glue:R:A:job/N",
	GlueTrigger: "arn:aws:glue:R:A:trigger/N",
	GlueSession: "arn:aws:glue:R:A:session/N",

	Stack:            "arn:aws:cloudformation:R:A:stack/N/N",
	StackSet:         "arn:aws:cloudformation:R:A:stackset/N:N",
	Project:          "arn:aws:codebuild:R:A:project/N",
	Notebook:         "arn:aws:sagemaker:R:A:notebook-instance/N",
	LifecycleConfig:  "arn:aws:sagemaker:R:A:notebook-instance-lifecycle-config/N",
	TrainingJob:      "arn:aws:sagemaker:R:A:training-job/N",
	ProcessingJob:    "arn:aws:sagemaker:R:A:processing-job/N",
	AppRunnerService: "arn:aws:apprunner:R:A:service/N/N",
	CodeInterpreter:  "arn:aws:bedrock-agentcore:R:A:code-interpreter-custom/N",
	Environment:      "arn:aws:airflow:R:A:environment/N",
	Pipeline:         "arn:aws:datapipeline:R:A:pipeline/N",
	AmplifyBranch:    "arn:aws:amplify:R:A:apps/N/branches/N",
	AmplifyJob:       "arn:aws:amplify:R:A:apps/N/branches/N/jobs/N",
	BraketJob:        "arn:aws:braket:R:A:job/N",
}

// words says in words what must be there.
var words = map[string]string{
	FreeAccessKey: "the user has no two access keys yet", AccessKey: "the user has an access key",
	LoginProfile: "the user has a console password", NoLoginProfile: "the user has no console password yet",
	Function: "a function runs as it", TriggeredFunction: "a function that others invoke runs as it",
	Stream: "there is a stream of a DynamoDB table", Instance: "an instance runs as it", LaunchTemplate: "a launch template in use has it",
	ScalingGroup: "there is an Auto Scaling group", Cluster: "there is an ECS cluster", ContainerInstance: "an ECS cluster has a container instance",
	TaskDefinition: "there is an ECS task definition", Task: "an ECS task runs as it", JobQueue: "there is a Batch job queue", JobDefinition: "a Batch job definition has it",
	DevEndpoint: "a Glue development endpoint runs as it", GlueJob: "there is a Glue job", Stack: "a CloudFormation stack has it", StackSet: "there is a CloudFormation stack set",
	Project: "a CodeBuild project has it", Notebook: "a SageMaker notebook runs as it", AppRunnerService: "an App Runner service runs as it",
	CodeInterpreter: "a code interpreter runs as it", Environment: "an Airflow environment runs as it",
}
