using Gateway.Transforms.RequestBody;

namespace Gateway.Errors;

/// <summary>
/// An error that the gateway answers with by itself. Its text is safe to show: it never quotes a body, a key or an upstream address.
/// </summary>
/// <param name="Status">HTTP status.</param>
/// <param name="Origin">Whose doing it is.</param>
/// <param name="Type">The error's class, in the words that OpenAI's and Anthropic's SDKs share.</param>
/// <param name="Code">A stable word for programs.</param>
/// <param name="Message">A sentence for people.</param>
/// <param name="Param">The member of the request body at fault, or <see langword="null"/>.</param>
internal sealed record GatewayError(int Status, ErrorOrigin Origin, string Type, string Code, string Message, string? Param = null)
{
    private const string InvalidRequest = "invalid_request_error";
    private const string UpstreamTrouble = "api_error";

    public static GatewayError MissingKey { get; } = new(401, ErrorOrigin.Client, "authentication_error", "invalid_api_key",
        "No API key was sent. Send it as 'Authorization: Bearer KEY' or 'x-api-key: KEY'.");

    public static GatewayError NotFound { get; } = new(404, ErrorOrigin.Client, "not_found_error", "not_found",
        "The gateway serves nothing at this path.");

    public static GatewayError MethodNotAllowed { get; } = new(405, ErrorOrigin.Client, InvalidRequest, "method_not_allowed",
        "This path does not take this method.");

    public static GatewayError RequestTimeout { get; } = new(408, ErrorOrigin.Client, "timeout_error", "request_timeout",
        "The request arrived too slowly.");

    public static GatewayError RequestTooLarge { get; } = new(413, ErrorOrigin.Client, "request_too_large", "request_too_large",
        "The request body is larger than this path takes.");

    public static GatewayError BadRequest { get; } = new(400, ErrorOrigin.Client, InvalidRequest, "bad_request",
        "The request is not framed as its headers say.");

    public static GatewayError UpstreamUnreachable { get; } = new(502, ErrorOrigin.Upstream, UpstreamTrouble, "upstream_unreachable",
        "The upstream could not be reached, or closed the connection before it answered.");

    public static GatewayError UpstreamBroke { get; } = new(502, ErrorOrigin.Upstream, UpstreamTrouble, "upstream_disconnected",
        "The upstream closed the connection before its answer was complete.");

    public static GatewayError UpstreamUnavailable { get; } = new(503, ErrorOrigin.Upstream, "overloaded_error", "upstream_unavailable",
        "No upstream destination is available.");

    public static GatewayError UpstreamTimedOut { get; } = new(504, ErrorOrigin.Upstream, "timeout_error", "upstream_timeout",
        "The upstream was silent for too long.");

    public static GatewayError Internal { get; } = new(500, ErrorOrigin.Gateway, "api_error", "internal_error",
        "The gateway failed. Its log says more under the x-request-id of this answer.");

    public static GatewayError Rejected(RequestRejection rejection) => new(
        rejection.Status,
        ErrorOrigin.Client,
        rejection.Status switch
        {
            403 => "permission_error",
            408 => "timeout_error",
            413 => "request_too_large",
            _ => InvalidRequest,
        },
        rejection.Code,
        rejection.Message,
        rejection.Param);

    /// <summary>The error for a status that the framework has set without a body.</summary>
    public static GatewayError ForStatus(int status) => status switch
    {
        StatusCodes.Status404NotFound => NotFound,
        StatusCodes.Status405MethodNotAllowed => MethodNotAllowed,
        StatusCodes.Status408RequestTimeout => RequestTimeout,
        StatusCodes.Status413PayloadTooLarge => RequestTooLarge,
        StatusCodes.Status502BadGateway => UpstreamUnreachable,
        StatusCodes.Status503ServiceUnavailable => UpstreamUnavailable,
        StatusCodes.Status504GatewayTimeout => UpstreamTimedOut,
        >= 500 => Internal,
        _ => BadRequest with { Status = status },
    };
}
