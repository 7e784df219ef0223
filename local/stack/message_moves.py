"""StartMessageMoveTask, which the emulator lacks, as SQS authorizes it: whoever starts a move must be allowed to send to the destination
as a direct caller (no aws:CalledVia key is set), by their own policies and by the queue's."""

import contextvars
import json
import uuid

from ministack.core import iam_actions
from ministack.core.iam_evaluator import enforce
from ministack.core.responses import get_region
from ministack.services import sqs

caller = contextvars.ContextVar("access_key_of_the_caller")


def start(data: dict, _url: str) -> dict:
    source = queue_of(data.get("SourceArn", ""))
    # SQS knows where a message came from; here the caller says where it goes
    destination_arn = data.get("DestinationArn", "")
    queue_of(destination_arn)
    if enforce(caller.get(), "sqs:SendMessage", "sqs", get_region(), resource_arn=destination_arn):
        raise sqs._Err("AccessDenied", f"not authorized to perform: sqs:SendMessage on resource: {destination_arn}", 403)
    messages, source["messages"] = source["messages"], []
    for message in messages:
        sent = {"MessageBody": message["body"], "MessageAttributes": message["message_attributes"]}
        sqs._act_send_message({"QueueUrl": destination_arn.rsplit(":", 1)[1], **sent}, "")
    return {"TaskHandle": str(uuid.uuid4())}


def queue_of(arn: str) -> dict:
    queue = sqs._queue_by_arn(arn)
    if queue is None:
        raise sqs._Err("ResourceNotFoundException", f"no such queue: {arn}", 404)
    return queue


def resource_of(extract):
    """A move names its queue by ARN, where every other action has a URL."""

    def extracted(service, method, path, headers, body, *rest):
        if headers.get("x-amz-target") == "AmazonSQS.StartMessageMoveTask":
            return json.loads(body).get("SourceArn", "*")
        return extract(service, method, path, headers, body, *rest)

    return extracted


def install() -> None:
    sqs._HANDLERS["StartMessageMoveTask"] = start
    iam_actions.extract_resource_arn = resource_of(iam_actions.extract_resource_arn)
