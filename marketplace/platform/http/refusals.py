"""Refusals below the use cases: of the server, the framework, the database. Some have statuses that only HTTP has."""

from typing import ClassVar

from marketplace.kernel.refusals import Explanation, Kind, NotFound, Refusal
from marketplace.kernel.text import Text


class HttpRefusal(Refusal):
    """Base of refusals with a fixed HTTP status, whatever their kind."""

    status: ClassVar[int] = 400


class BadRequest(HttpRefusal):
    """The framework cannot read the request."""

    kind = Kind.INVALID
    code = "invalid_request"
    zh = "请求有误。"
    en = "The request is not valid."


class NotAuthenticated(HttpRefusal):
    """The framework requires authentication."""

    status = 401
    kind = Kind.UNAUTHENTICATED
    code = "unauthenticated"
    zh = "需要有效的访问令牌。"
    en = "A valid access token is required."


class NotAllowed(HttpRefusal):
    """The framework does not let the caller do this."""

    status = 403
    kind = Kind.FORBIDDEN
    code = "forbidden"
    zh = "没有权限。"
    en = "This is not allowed."
    explanation = Explanation(
        Text("凭证有效，但不允许执行此操作。", "The credentials are valid, but do not allow this."),
        Text("请使用具有相应权限的凭证。", "Use credentials that allow it."),
    )


class NoSuchAddress(HttpRefusal):
    """No route has that address."""

    status = 404
    kind = Kind.NOT_FOUND
    code = NotFound.code
    zh = NotFound.zh
    en = NotFound.en


class MethodNotAllowed(HttpRefusal):
    """The address does not support the method."""

    status = 405
    code = "method_not_allowed"
    zh = "此地址不支持该方法。"
    en = "This address does not support that method."
    explanation = Explanation(
        Text("该地址不支持此方法。", "The address does not support this method."),
        Text("请查看 Allow 响应头和接口文档。", "See the Allow header and the API documentation."),
    )


class BodyTooLarge(HttpRefusal):
    """The body is larger than the operation allows."""

    status = 413
    code = "body_too_large"
    zh = "请求体过大。"
    en = "The request body is too large."
    explanation = Explanation(
        Text("请求体超过该接口的大小上限。", "The request body is larger than the operation allows."),
        Text("请拆分为多次请求。", "Split the request into several."),
    )


class UnsupportedMediaType(HttpRefusal):
    """The body has a media type that the operation does not accept."""

    status = 415
    code = "unsupported_media_type"
    zh = "请使用 application/json。"
    en = "Send application/json."
    explanation = Explanation(
        Text("不支持该请求体格式。", "The media type of the body is not supported."),
        Text("请使用文档所列的 Content-Type。", "Send one of the documented content types."),
    )


class Misdirected(HttpRefusal):
    """The request names another host (RFC 9110 §15.5.20)."""

    status = 421
    code = "misdirected"
    zh = "此服务的地址是 {base}。"
    en = "This server is {base}; send requests there."
    explanation = Explanation(
        Text("该主机名不属于此服务。", "The host name does not belong to this service."),
        Text("请使用服务公布的地址。", "Use the address that the service publishes."),
    )


class BadHost(HttpRefusal):
    """The request has no Host, or several, or one that cannot be read."""

    kind = Kind.INVALID
    code = "bad_host"
    zh = "请求须带有且只带有一个有效的 Host。"
    en = "Send exactly one valid Host header."
    explanation = Explanation(
        Text("请求没有带有且只带有一个有效的 Host。", "The request does not carry exactly one valid Host header."),
        Text("请检查客户端或代理的 Host 设置。", "Check how the client or the proxy sets Host."),
    )


class HeaderTwice(HttpRefusal):
    """A header that may occur once occurs twice: some programs take the first, others the last."""

    kind = Kind.INVALID
    code = "repeated_header"
    zh = "Authorization、Content-Type 与 Idempotency-Key 请求头各只能出现一次。"
    en = "Send Authorization, Content-Type and Idempotency-Key once each."
    explanation = Explanation(
        Text("只能出现一次的请求头出现了多次。", "A header that may occur once was sent several times."),
        Text("请检查客户端或代理添加的请求头。", "Check which headers the client and the proxy add."),
    )


class ClientLeft(HttpRefusal):
    """The connection ended before the request had arrived. Nobody reads the response."""

    status = 499
    code = "client_gone"
    zh = "请求未传完连接即断开。"
    en = "The connection ended before the request had arrived."
    explanation = Explanation(
        Text("连接在请求传完之前断开。", "The connection ended before the whole request had arrived."),
        Text(
            "请重新发送；涉及变动的请求使用同一 Idempotency-Key。",
            "Send the request again, with the same Idempotency-Key.",
        ),
    )


class InternalFault(HttpRefusal):
    """An internal error: logged in full, reported without details."""

    status = 500
    code = "internal"
    zh = "系统出现故障，已记录。"
    en = "An internal error; it has been recorded."
    explanation = Explanation(
        Text("系统内部故障，已记录。", "An internal error. It has been recorded."),
        Text(
            "请稍后重试；如仍失败，请提供 request_id 联系我们。",
            "Try again later. If it persists, contact us with the request_id.",
        ),
    )


OF_THE_FRAMEWORK: dict[int, type[HttpRefusal]] = {
    kind.status: kind
    for kind in (
        BadRequest,
        NotAuthenticated,
        NotAllowed,
        NoSuchAddress,
        MethodNotAllowed,
        BodyTooLarge,
        UnsupportedMediaType,
        ClientLeft,
    )
}
"""The framework's own refusals, by the status of its exception."""
