import boto3


def handler(event, context):
    who = boto3.client("sts").get_caller_identity()["Arn"]
    print("greeting", event["name"], "as", who)
    return {"message": f"Hello {event['name']}, from Python", "running as": who}
