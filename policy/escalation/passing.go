package escalation

// pass is a technique that gives a role to a service, which then works for
// whoever gave it. The needs follow iam:PassRole.
func pass(id, service string, exists []string, pairs ...string) Technique {
	return Technique{
		ID: id, Target: OtherRole, Gain: Become, Service: service, Passed: true, Exists: exists,
		Needs: append(needs("iam:PassRole", "target"), needs(pairs...)...),
	}
}

// passProfile passes a role in its instance profile.
func passProfile(id string, exists []string, pairs ...string) Technique {
	t := pass(id, "ec2.amazonaws.com", exists, pairs...)
	t.Profile = true
	return t
}

func from(source string, t Technique) Technique {
	t.Source = source
	return t
}

func kinds(all ...string) []string { return all }

// passing holds the techniques that pass a role to something new, or to
// something that is there and runs as another role.
var passing = []Technique{
	pass("lambda-001", "lambda.amazonaws.com", nil, "lambda:CreateFunction", Function, "lambda:InvokeFunction", Function),
	pass("lambda-002", "lambda.amazonaws.com", kinds(Stream), "lambda:CreateFunction", Function, "lambda:CreateEventSourceMapping", Mapping),
	pass("lambda-006", "lambda.amazonaws.com", nil, "lambda:CreateFunction", Function, "lambda:AddPermission", Function),
	from("https://rhinosecuritylabs.com/aws/aws-privilege-escalation-methods-mitigation/", pass("rhino-lambda-dynamodb", "lambda.amazonaws.com", nil,
		"lambda:CreateFunction", Function, "lambda:CreateEventSourceMapping", Mapping, "dynamodb:CreateTable", Table, "dynamodb:PutItem", Table)),

	passProfile("ec2-001", nil, "ec2:RunInstances", Instance),
	passProfile("ec2-004", nil, "ec2:RequestSpotInstances", SpotRequest),
	from(hacking, passProfile("autoscaling-createautoscalinggroup", nil, "autoscaling:CreateLaunchConfiguration", LaunchConfiguration, "autoscaling:CreateAutoScalingGroup", ScalingGroup)),
	from(hacking, passProfile("autoscaling-updateautoscalinggroup", kinds(ScalingGroup), "autoscaling:CreateLaunchConfiguration", LaunchConfiguration, "autoscaling:UpdateAutoScalingGroup", ScalingGroup)),
	from(hacking, passProfile("ec2-createlaunchtemplate-createautoscalinggroup", nil, "ec2:CreateLaunchTemplate", LaunchTemplate, "autoscaling:CreateAutoScalingGroup", ScalingGroup)),
	from(hacking, passProfile("ec2-createlaunchtemplate-updateautoscalinggroup", kinds(ScalingGroup), "ec2:CreateLaunchTemplate", LaunchTemplate, "autoscaling:UpdateAutoScalingGroup", ScalingGroup)),

	pass("ecs-001", "ecs-tasks.amazonaws.com", nil, "ecs:CreateCluster", Cluster, "ecs:RegisterTaskDefinition", TaskDefinition, "ecs:CreateService", ContainerService),
	pass("ecs-002", "ecs-tasks.amazonaws.com", nil, "ecs:CreateCluster", Cluster, "ecs:RegisterTaskDefinition", TaskDefinition, "ecs:RunTask", TaskDefinition),
	pass("ecs-003", "ecs-tasks.amazonaws.com", kinds(Cluster), "ecs:RegisterTaskDefinition", TaskDefinition, "ecs:CreateService", ContainerService),
	pass("ecs-004", "ecs-tasks.amazonaws.com", kinds(Cluster), "ecs:RegisterTaskDefinition", TaskDefinition, "ecs:RunTask", TaskDefinition),
	pass("ecs-005", "ecs-tasks.amazonaws.com", kinds(ContainerInstance), "ecs:RegisterTaskDefinition", TaskDefinition, "ecs:StartTask", TaskDefinition),
	pass("ecs-007", "ecs-tasks.amazonaws.com", kinds(Cluster, TaskDefinition), "ecs:RegisterContainerInstance", Cluster, "ecs:StartTask", TaskDefinition),
	pass("ecs-008", "ecs-tasks.amazonaws.com", kinds(Cluster, TaskDefinition), "ecs:RunTask", TaskDefinition),
	pass("ecs-009", "ecs-tasks.amazonaws.com", kinds(ContainerInstance, TaskDefinition), "ecs:StartTask", TaskDefinition),

	pass("batch-001", "ecs-tasks.amazonaws.com", kinds(JobQueue), "batch:RegisterJobDefinition", JobDefinition, "batch:SubmitJob", JobDefinition),
	passProfile("batch-003", nil, "batch:CreateComputeEnvironment", ComputeEnvironment, "batch:CreateJobQueue", JobQueue, "batch:RegisterJobDefinition", JobDefinition, "batch:SubmitJob", JobDefinition),

	pass("glue-001", "glue.amazonaws.com", nil, "glue:CreateDevEndpoint", "*"),
	pass("glue-003", "glue.amazonaws.com", nil, "glue:CreateJob", GlueJob, "glue:StartJobRun", GlueJob),
	pass("glue-004", "glue.amazonaws.com", nil, "glue:CreateJob", GlueJob, "glue:CreateTrigger", GlueTrigger),
	pass("glue-005", "glue.amazonaws.com", kinds(GlueJob), "glue:UpdateJob", GlueJob, "glue:StartJobRun", GlueJob),
	pass("glue-006", "glue.amazonaws.com", kinds(GlueJob), "glue:UpdateJob", GlueJob, "glue:CreateTrigger", GlueTrigger),
	pass("glue-007", "glue.amazonaws.com", nil, "glue:CreateSession", GlueSession, "glue:RunStatement", GlueSession),

	pass("cloudformation-001", "cloudformation.amazonaws.com", nil, "cloudformation:CreateStack", Stack),
	pass("cloudformation-003", "cloudformation.amazonaws.com", nil, "cloudformation:CreateStackSet", "*", "cloudformation:CreateStackInstances", StackSet),
	pass("cloudformation-004", "cloudformation.amazonaws.com", kinds(StackSet), "cloudformation:UpdateStackSet", StackSet),

	pass("codebuild-001", "codebuild.amazonaws.com", nil, "codebuild:CreateProject", Project, "codebuild:StartBuild", Project),
	pass("codebuild-004", "codebuild.amazonaws.com", nil, "codebuild:CreateProject", Project, "codebuild:StartBuildBatch", Project),

	pass("sagemaker-001", "sagemaker.amazonaws.com", nil, "sagemaker:CreateNotebookInstance", Notebook),
	pass("sagemaker-002", "sagemaker.amazonaws.com", nil, "sagemaker:CreateTrainingJob", TrainingJob),
	pass("sagemaker-003", "sagemaker.amazonaws.com", nil, "sagemaker:CreateProcessingJob", ProcessingJob),

	pass("apprunner-001", "tasks.apprunner.amazonaws.com", nil, "apprunner:CreateService", AppRunnerService),
	pass("bedrock-001", "bedrock-agentcore.amazonaws.com", nil, "bedrock-agentcore:CreateCodeInterpreter", "*",
		"bedrock-agentcore:StartCodeInterpreterSession", CodeInterpreter, "bedrock-agentcore:InvokeCodeInterpreter", CodeInterpreter),
	pass("datapipeline-001", "datapipeline.amazonaws.com", nil, "datapipeline:CreatePipeline", "*", "datapipeline:PutPipelineDefinition", Pipeline, "datapipeline:ActivatePipeline", Pipeline),
	pass("mwaa-001", "airflow.amazonaws.com", nil, "airflow:CreateEnvironment", Environment),
	pass("amplify-001", "amplify.amazonaws.com", nil, "amplify:CreateApp", "*", "amplify:CreateBranch", AmplifyBranch, "amplify:StartJob", AmplifyJob),
	pass("braket-001", "braket.amazonaws.com", nil, "braket:CreateJob", BraketJob),
}

// held is a technique upon something that runs as the role already.
func held(id, service, runs string, pairs ...string) Technique {
	return Technique{ID: id, Target: OtherRole, Gain: Become, Service: service, Runs: runs, Needs: needs(pairs...)}
}

// existing holds the techniques that take over what is there.
var existing = []Technique{
	held("lambda-003", "lambda.amazonaws.com", TriggeredFunction, "lambda:UpdateFunctionCode", TriggeredFunction),
	held("lambda-004", "lambda.amazonaws.com", Function, "lambda:UpdateFunctionCode", Function, "lambda:InvokeFunction", Function),
	held("lambda-005", "lambda.amazonaws.com", Function, "lambda:UpdateFunctionCode", Function, "lambda:AddPermission", Function),
	from(hacking+"#lambdaupdatefunctionconfiguration", held("lambda-updatefunctionconfiguration", "lambda.amazonaws.com", TriggeredFunction, "lambda:UpdateFunctionConfiguration", TriggeredFunction)),

	held("ec2-002", "ec2.amazonaws.com", Instance, "ec2:ModifyInstanceAttribute", Instance, "ec2:StopInstances", Instance, "ec2:StartInstances", Instance),
	held("ec2-003", "ec2.amazonaws.com", Instance, "ec2-instance-connect:SendSSHPublicKey", Instance),
	held("ec2-005", "ec2.amazonaws.com", LaunchTemplate, "ec2:CreateLaunchTemplateVersion", LaunchTemplate, "ec2:ModifyLaunchTemplate", LaunchTemplate),
	held("ssm-001", "ec2.amazonaws.com", Instance, "ssm:StartSession", Instance),
	held("ssm-002", "ec2.amazonaws.com", Instance, "ssm:SendCommand", Instance),

	held("ecs-006", "ecs-tasks.amazonaws.com", Task, "ecs:ExecuteCommand", Task, "ecs:DescribeTasks", Task),
	held("batch-002", "ecs-tasks.amazonaws.com", JobDefinition, "batch:SubmitJob", JobDefinition),
	held("glue-002", "glue.amazonaws.com", DevEndpoint, "glue:UpdateDevEndpoint", DevEndpoint),
	held("cloudformation-002", "cloudformation.amazonaws.com", Stack, "cloudformation:UpdateStack", Stack),
	held("cloudformation-005", "cloudformation.amazonaws.com", Stack, "cloudformation:CreateChangeSet", Stack, "cloudformation:ExecuteChangeSet", Stack),
	held("codebuild-002", "codebuild.amazonaws.com", Project, "codebuild:StartBuild", Project),
	held("codebuild-003", "codebuild.amazonaws.com", Project, "codebuild:StartBuildBatch", Project),
	held("sagemaker-004", "sagemaker.amazonaws.com", Notebook, "sagemaker:CreatePresignedNotebookInstanceUrl", Notebook),
	held("sagemaker-005", "sagemaker.amazonaws.com", Notebook, "sagemaker:CreateNotebookInstanceLifecycleConfig", LifecycleConfig,
		"sagemaker:StopNotebookInstance", Notebook, "sagemaker:UpdateNotebookInstance", Notebook, "sagemaker:StartNotebookInstance", Notebook),
	held("apprunner-002", "tasks.apprunner.amazonaws.com", AppRunnerService, "apprunner:UpdateService", AppRunnerService),
	held("bedrock-002", "bedrock-agentcore.amazonaws.com", CodeInterpreter, "bedrock-agentcore:StartCodeInterpreterSession", CodeInterpreter, "bedrock-agentcore:InvokeCodeInterpreter", CodeInterpreter),
	held("mwaa-002", "airflow.amazonaws.com", Environment, "airflow:UpdateEnvironment", Environment),
}
