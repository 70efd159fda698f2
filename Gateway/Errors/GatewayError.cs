using System.Globalization;
using Gateway.Billing;
using Gateway.Limits;
using Gateway.Pricing;
using Gateway.Primitives;
using Gateway.Teams;
using Microsoft.Net.Http.Headers;
using OpenRouterGateway.Transforms.RequestBody;
using OpenRouterGateway.Transforms.RequestBody.Tools;

namespace Gateway.Errors;

/// <summary>
/// An error that the gateway itself returns. Its message contains no body, key or upstream address; it may quote a name of the request.
/// </summary>
/// <param name="Status">HTTP status.</param>
/// <param name="Origin">The side that caused it.</param>
/// <param name="Type">The error type of OpenAI's and Anthropic's APIs.</param>
/// <param name="Code">A stable identifier for programs.</param>
/// <param name="Message">A message for people.</param>
/// <param name="Param">The invalid member of the request body; <see langword="null"/> if the error is about none.</param>
internal sealed record GatewayError(int Status, ErrorOrigin Origin, string Type, string Code, string Message, string? Param = null)
{
    /// <summary>The code of <see cref="ModelNotAllowed"/>.</summary>
    public const string ModelNotAllowedCode = "model_not_allowed";

    /// <summary>The code of <see cref="ServerToolNotAllowed"/>, which the provider mapping uses as well.</summary>
    public const string ServerToolNotAllowedCode = "server_tool_not_allowed";

    private const string RateLimitExceededCode = "rate_limit_exceeded";
    private const string InvalidRequest = "invalid_request_error";
    private const string UpstreamTrouble = "api_error";
    private const string Permission = "permission_error";
    private const string Billing = "billing_error";
    private const string Overloaded = "overloaded_error";
    private const int QuotedLength = 60;

    // Stops the retries of OpenAI's and Anthropic's SDKs. They cannot succeed before an operator acts.
    private static readonly KeyValuePair<string, string> DoNotRetry = new("x-should-retry", "false");

    public static GatewayError MissingKey { get; } = new(401, ErrorOrigin.Client, "authentication_error", "invalid_api_key",
        "No API key was sent. Send it as 'Authorization: Bearer KEY' or 'x-api-key: KEY'.");

    /// <summary>The same error for an unknown and an expired key, so that it does not reveal which keys exist.</summary>
    public static GatewayError UnknownKey { get; } = new(401, ErrorOrigin.Client, "authentication_error", "invalid_api_key",
        "The API key is unknown or has expired.");

    public static GatewayError EndpointNotAllowed { get; } = new(403, ErrorOrigin.Client, Permission, "endpoint_not_allowed",
        "This endpoint is not open to teams, or not to this team.");

    public static GatewayError UnknownCall { get; } = new(404, ErrorOrigin.Client, "not_found_error", "not_found",
        "The team has made no call with this id, or the request does not name exactly one id.");

    /// <summary>A team with a budget requests a model without a known price.</summary>
    public static GatewayError PriceUnknown { get; } = new(402, ErrorOrigin.Client, Billing, "price_unknown",
        "The price of the model is unknown, so its cost cannot be reserved in the team's budget.", "model")
    {
        Headers = [DoNotRetry],
    };

    /// <summary>
    /// The team's budget does not cover the reservation of the request, even if all calls in flight cost nothing. See
    /// <see cref="OverBudget"/>.
    /// </summary>
    public static GatewayError BudgetExceeded { get; } = new(402, ErrorOrigin.Client, Billing, "budget_exceeded",
        "The team's budget does not cover this request.")
    {
        Headers = [DoNotRetry],
    };

    /// <summary>
    /// Only open reservations are in the way: when their calls are billed, the budget may cover the request. SDKs retry a 429, and never a
    /// 402. See <see cref="OverBudget"/>.
    /// </summary>
    public static GatewayError BudgetReserved { get; } = new(429, ErrorOrigin.Client, "rate_limit_error", "budget_reserved",
        "The rest of the team's budget is reserved for other calls.")
    {
        Headers = [new(HeaderNames.RetryAfter, "5")],
    };

    public static GatewayError LimitsUnavailable { get; } = StoreUnavailable("limits_unavailable", "limits");

    public static GatewayError BudgetUnavailable { get; } = StoreUnavailable("budget_unavailable", "the budget");

    public static GatewayError UsageUnavailable { get; } = StoreUnavailable("usage_unavailable", "usage");

    public static GatewayError NotFound { get; } = new(404, ErrorOrigin.Client, "not_found_error", "not_found",
        "The gateway has no route for this path.");

    public static GatewayError MethodNotAllowed { get; } = new(405, ErrorOrigin.Client, InvalidRequest, "method_not_allowed",
        "This path does not accept this method.");

    public static GatewayError RequestTimeout { get; } = new(408, ErrorOrigin.Client, "timeout_error", "request_timeout",
        "The request arrived too slowly.");

    public static GatewayError RequestTooLarge { get; } = new(413, ErrorOrigin.Client, "request_too_large", "request_too_large",
        "The request body exceeds the size limit of this path.");

    /// <summary>
    /// An upgrade on an endpoint whose bodies are rewritten. The status makes Codex fall back to POST at once. RFC 9110, 15.5.22 requires the
    /// header. Kestrel closes the connection of a request that asks for an upgrade, which the client is told.
    /// </summary>
    public static GatewayError UpgradeRefused { get; } = new(426, ErrorOrigin.Client, InvalidRequest, "upgrade_not_supported",
        "This endpoint accepts no protocol upgrade. Send a POST request.")
    {
        Headers = [new(HeaderNames.Upgrade, "HTTP/1.1"), new(HeaderNames.Connection, "Upgrade, close")],
    };

    public static GatewayError PreflightBody { get; } = new(400, ErrorOrigin.Client, InvalidRequest, "bad_request",
        "A preflight request has no body.");

    public static GatewayError BadRequest { get; } = new(400, ErrorOrigin.Client, InvalidRequest, "bad_request",
        "The request is malformed: its framing does not match its headers.");

    public static GatewayError UpstreamUnreachable { get; } = new(502, ErrorOrigin.Upstream, UpstreamTrouble, "upstream_unreachable",
        "The upstream could not be reached, or closed the connection before it responded.");

    /// <summary>Upstream's list of models cannot be reduced to those of a team.</summary>
    public static GatewayError CatalogueUnreadable { get; } = new(502, ErrorOrigin.Upstream, UpstreamTrouble, "catalogue_unreadable",
        "The upstream's list of models could not be read, so it cannot be reduced to the models that the team may use.");

    /// <summary>
    /// The response broke off. As the event that ends a stream it has the type and the words by which agents recognise a failed connection, which
    /// they try again.
    /// </summary>
    public static GatewayError UpstreamBroke { get; } = new(502, ErrorOrigin.Upstream, "server_error", "upstream_disconnected",
        "Upstream connection error: premature close. The upstream closed the connection before its response was complete.");

    public static GatewayError UpstreamUnavailable { get; } = new(503, ErrorOrigin.Upstream, Overloaded, "upstream_unavailable",
        "No upstream destination is available.");

    /// <summary>As many requests are in flight as the process has file descriptors for.</summary>
    public static GatewayError ServerBusy { get; } = new(503, ErrorOrigin.Upstream, Overloaded, "server_busy",
        "The gateway serves as many requests as it can. Try again.")
    {
        Headers = [new(HeaderNames.RetryAfter, "1")],
    };

    /// <summary>
    /// The gateway stops before the request has ended. As the event that ends a stream it has the type and the words by which agents recognise a
    /// failed connection, which they try again.
    /// </summary>
    public static GatewayError Stopping { get; } = new(503, ErrorOrigin.Upstream, "server_error", "gateway_stopping",
        "Connection error: premature close. The gateway is stopping. Try again.")
    {
        Headers = [new(HeaderNames.RetryAfter, "1")],
    };

    /// <summary>Upstream rejects the key that the gateway holds for a team, or its account has no credit left.</summary>
    public static GatewayError UpstreamKeyRejected { get; } = new(503, ErrorOrigin.Upstream, UpstreamTrouble, "upstream_key_rejected",
        "The upstream rejects the key that the gateway uses for this team, or its account is out of credit. The operator has to act.")
    {
        Headers = [DoNotRetry],
    };

    public static GatewayError UpstreamTimedOut { get; } = new(504, ErrorOrigin.Upstream, "timeout_error", "upstream_timeout",
        "The upstream sent no data for too long.")
    {
        // Upstream may still process the call, and bill it.
        Headers = [DoNotRetry],
    };

    public static GatewayError Internal { get; } = new(500, ErrorOrigin.Gateway, "api_error", "internal_error",
        "The gateway failed. Its log has the details under the x-request-id of this response.");

    /// <summary>A message for people. Keys in it are hidden: it may quote the name of a model, and it is logged.</summary>
    public string Message { get; init => field = KeyText.Hide(value); } = KeyText.Hide(Message);

    /// <summary>Additional response headers. Default none.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];

    /// <summary>The members of the error's <c>metadata</c>, for programs. Default none.</summary>
    public ErrorMetadata? Metadata { get; init; }

    /// <summary>The team may not use a model.</summary>
    /// <param name="name">
    /// The name in the request; empty if it names no model. The message quotes only the beginning of a long name.
    /// </param>
    /// <param name="team">The id of the team, whose settings exclude the model.</param>
    /// <param name="hasKeyRights">Whether the settings of the key may exclude it too.</param>
    public static GatewayError ModelNotAllowed(string name, string team, bool hasKeyRights = false) => new(403, ErrorOrigin.Client, Permission, ModelNotAllowedCode,
        (name.Length == 0
            ? "The team may not make a request that names no model."
            : $"The team may not use the model '{Shorten(name)}'.")
            + $" The settings AllowedModels and DeniedModels of the team '{team}'{(hasKeyRights ? " and AllowedModels of its key" : "")} decide.",
        "model");

    /// <summary>A server tool or plugin is closed to the team.</summary>
    /// <param name="tool">The tool.</param>
    /// <param name="team">The id of the team, whose setting opens the tool.</param>
    /// <param name="cannotBeRemoved">Whether the team removes closed tools, and this one cannot be removed.</param>
    public static GatewayError ServerToolNotAllowed(ServerToolUse tool, string team, bool cannotBeRemoved = false) => new(
        403, ErrorOrigin.Client, Permission, ServerToolNotAllowedCode,
        $"The team may not use the server tool '{tool.DisplayName}'"
            + (cannotBeRemoved ? ", which cannot be removed from the request" : "")
            + $". The setting ServerTools of the team '{team}' opens it.",
        tool.Member);

    /// <summary>The team's budget does not cover the reservation of a request.</summary>
    /// <param name="shortfall">The amounts.</param>
    /// <param name="basis">The token counts behind the needed amount.</param>
    /// <param name="toolCost">The part of the needed amount that is for server tools.</param>
    public static GatewayError OverBudget(in BudgetShortfall shortfall, in EstimateBasis basis = default, PicoDollars toolCost = default)
    {
        var error = shortfall.IsReservedOnly ? BudgetReserved : BudgetExceeded;
        var message = shortfall.IsOfKey ? error.Message.Replace("team's budget", "key's budget", StringComparison.Ordinal) : error.Message;
        var until = ErrorMetadata.Text(shortfall.ResetsAt) is { } end ? $" until {end}" : "";
        return error with
        {
            Message = $"{message} It may cost {shortfall.Needed} USD{Reason(basis, toolCost)}. {shortfall.Left} USD are left{until}, and "
                + $"{shortfall.Reserved} USD are reserved for calls that are not billed yet.",
            Metadata = ErrorMetadata.Of(shortfall),
        };
    }

    /// <summary>A limit of the team or of its key is exhausted.</summary>
    /// <param name="refused">The result of the store.</param>
    public static GatewayError RateLimited(LimitResult refused)
    {
        var seconds = Seconds(refused.RetryAfter);
        return new GatewayError(429, ErrorOrigin.Client, "rate_limit_error", RateLimitExceededCode,
            $"The limit {refused.RefusedBy switch
            {
                LimitKind.Requests => "RequestsPerMinute",
                LimitKind.Tokens => "TokensPerMinute",
                _ => "ConcurrentRequests",
            }} of {HolderOf(refused)} is exhausted. Try again in {seconds} s.")
        {
            Headers = [new(HeaderNames.RetryAfter, seconds)],
            Metadata = ErrorMetadata.Of(refused),
        };
    }

    /// <summary>No destination is available until its health is tried again.</summary>
    /// <param name="retryAfter">The retry delay; sent in whole seconds, at least 1.</param>
    public static GatewayError NoDestination(TimeSpan retryAfter) =>
        UpstreamUnavailable with { Headers = [new(HeaderNames.RetryAfter, Seconds(retryAfter))] };

    /// <summary>The error for a rejection of the provider mapping.</summary>
    public static GatewayError Rejected(RequestRejection rejection) => new(
        rejection.Status,
        ErrorOrigin.Client,
        rejection.Status switch
        {
            403 => Permission,
            408 => "timeout_error",
            413 => "request_too_large",
            503 => Overloaded,
            _ => InvalidRequest,
        },
        rejection.Code,
        rejection.Message,
        rejection.Param)
    {
        Headers = rejection.RetryAfter is { } delay ? [new(HeaderNames.RetryAfter, Seconds(delay))] : [],
    };

    /// <summary>The error as a rejection of the provider mapping; <see cref="Rejected"/> converts it back.</summary>
    public RequestRejection ToRejection() => new(Status, Code, Message, Param);

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

    // Neither a bug in the gateway nor a fault of the client. The log has the reason, for the operator of the store.
    private static GatewayError StoreUnavailable(string code, string counted) => new(503, ErrorOrigin.Upstream, UpstreamTrouble, code,
        $"The gateway cannot count {counted} at the moment, and refuses requests that it cannot count.");

    private static string Reason(in EstimateBasis basis, PicoDollars toolCost)
    {
        if (basis == default)
        {
            return "";
        }

        var choices = basis.Choices > 1 ? string.Create(CultureInfo.InvariantCulture, $"{basis.Choices} times ") : "";
        var cap = basis.IsOutputStated ? "the cap of the request" : "assumed, since the request states no cap";
        var output = basis.OutputTokens == 0
            ? ""
            : string.Create(CultureInfo.InvariantCulture, $" and {choices}{basis.OutputTokens} output tokens ({cap})");
        var tools = toolCost > PicoDollars.Zero ? $", {toolCost} USD of it for server tools" : "";
        return string.Create(CultureInfo.InvariantCulture, $" for {basis.PromptTokens} prompt tokens (estimated from its size){output}{tools}");
    }

    // The holder is team:ID or key:ID/LABEL.
    private static string HolderOf(LimitResult refused)
    {
        var (kind, name) = refused.Holder?.IndexOf(':') is > 0 and var colon
            ? (refused.Holder[..colon], refused.Holder[(colon + 1)..])
            : ("team", "");
        return kind == "key" && name.IndexOf('/') is > 0 and var slash
            ? $"the key '{name[(slash + 1)..]}' of the team '{name[..slash]}'"
            : $"the team '{name}'";
    }

    private static string Seconds(TimeSpan delay) =>
        Math.Max(1, (long)Math.Ceiling(delay.TotalSeconds)).ToString(CultureInfo.InvariantCulture);

    private static string Shorten(string name)
    {
        var text = name.Length <= QuotedLength ? name : name[..QuotedLength] + "…";
        return string.Concat(text.Select(c => char.IsControl(c) || char.IsSurrogate(c) ? '\uFFFD' : c));
    }
}
