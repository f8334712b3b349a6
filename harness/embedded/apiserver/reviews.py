"""Questions about the caller's own rights. Every authenticated client may do everything here, and is told so."""

from __future__ import annotations

from harness.embedded.apiserver.errors import bad_request, method_not_allowed
from harness.embedded.apiserver.httpd import Request, Response
from harness.embedded.apiserver.messages import body_of, json_answer
from harness.embedded.apiserver.objects import Obj
from harness.embedded.apiserver.targets import Target

GROUPS = ("system:masters", "system:authenticated")


def serve_review(target: Target, request: Request) -> Response:
    """Answer a SelfSubjectAccessReview, SelfSubjectRulesReview or SelfSubjectReview."""
    if request.method != "POST" or target.name:
        raise method_not_allowed()
    question = body_of(request)
    if not isinstance(question, dict):
        raise bad_request(f"the body is not an object of kind {target.kind.kind}")
    answer = {"apiVersion": target.kind.api_version(target.version), "kind": target.kind.kind, "metadata": {}}
    return json_answer({**question, **answer, "status": _status(target.kind.kind, request.user)}, status=201)


def _status(kind: str, user: str) -> Obj:
    match kind:
        case "SelfSubjectAccessReview":
            return {"allowed": True, "reason": "the embedded cluster allows everything"}
        case "SelfSubjectRulesReview":
            everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
            urls = {"verbs": ["*"], "nonResourceURLs": ["*"]}
            return {"resourceRules": [everything], "nonResourceRules": [urls], "incomplete": False}
    return {"userInfo": {"username": user, "groups": list(GROUPS)}}
