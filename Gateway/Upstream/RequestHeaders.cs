using System.Net.Http.Headers;
using Microsoft.Net.Http.Headers;

namespace Gateway.Upstream;

/// <summary>
/// What of a caller's headers must not reach a third party: who forwarded it for whom, what was meant for this hop alone
/// (RFC 9110, 7.6.1: the headers that <c>Connection</c> names), and, unless switched on, trace context.
/// </summary>
internal static class RequestHeaders
{
    private static readonly string[] TraceHeaders = ["traceparent", "tracestate", "baggage", "Request-Id", "Correlation-Context"];

    public static void Clean(HttpRequest request, HttpRequestMessage upstream, bool forwardTrace)
    {
        RemoveForwarded(upstream.Headers);
        if (!forwardTrace)
        {
            foreach (var name in TraceHeaders)
            {
                upstream.Headers.Remove(name);
            }
        }

        RemoveNamedByConnection(request, upstream);

        // Kestrel has answered, or will answer, the caller's expectation. Passing it on would cost a second with every upstream that
        // does not answer it.
        upstream.Headers.ExpectContinue = null;
    }

    private static void RemoveForwarded(HttpRequestHeaders headers)
    {
        List<string>? found = null;
        foreach (var (name, _) in headers.NonValidated)
        {
            if (name.StartsWith("X-Forwarded-", StringComparison.OrdinalIgnoreCase)
                || name.Equals("Forwarded", StringComparison.OrdinalIgnoreCase)
                || name.Equals("X-Real-IP", StringComparison.OrdinalIgnoreCase))
            {
                (found ??= []).Add(name);
            }
        }

        foreach (var name in found ?? [])
        {
            headers.Remove(name);
        }
    }

    private static void RemoveNamedByConnection(HttpRequest request, HttpRequestMessage upstream)
    {
        foreach (var value in request.Headers.Connection)
        {
            foreach (var range in value.AsSpan().Split(','))
            {
                var name = value.AsSpan(range).Trim();
                if (name.IsEmpty
                    || name.Equals("keep-alive", StringComparison.OrdinalIgnoreCase)
                    || name.Equals("close", StringComparison.OrdinalIgnoreCase)
                    || name.Equals(HeaderNames.Upgrade, StringComparison.OrdinalIgnoreCase)
                    || name.StartsWith("Content-", StringComparison.OrdinalIgnoreCase))
                {
                    // Framing and the description of the body are not a hop's to drop: the body goes on.
                    continue;
                }

                var text = name.ToString();
                if (IsToken(text))
                {
                    upstream.Headers.Remove(text);
                }
            }
        }
    }

    private static bool IsToken(string name) => name.All(static c => char.IsAsciiLetterOrDigit(c) || "!#$%&'*+-.^_`|~".Contains(c));
}
