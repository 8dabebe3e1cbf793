"""Signs the calls that come as a JSON list on standard input, each with
method, url, service, region, body, token, headers and presigned, by botocore's
own signers, and prints the list of the requests it would send."""

import json
import sys

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


def sign(call):
    credentials = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", call["token"] or None)
    request = AWSRequest(call["method"], call["url"], dict(call["headers"]), call["body"].encode())
    s3 = call["service"] == "s3"
    if call["presigned"]:
        signer = (S3SigV4QueryAuth if s3 else SigV4QueryAuth)(credentials, call["service"], call["region"], expires=900)
    else:
        signer = (S3SigV4Auth if s3 else SigV4Auth)(credentials, call["service"], call["region"])
    signer.add_auth(request)
    return {"url": request.url, "headers": list(request.headers.items())}


json.dump([sign(call) for call in json.load(sys.stdin)], sys.stdout)
