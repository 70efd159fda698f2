using System.Collections.Frozen;
using System.Diagnostics;
using System.Net.Http.Headers;
using Gateway.Observability;
using Gateway.Requests;
using Gateway.Teams;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Gateway.Upstream;

/// <summary>
/// Removes headers that must not reach the next hop: those that describe the client or its path to the gateway, those that replace the
/// request line, OpenRouter's internal ones, those with a gateway key, the hop-by-hop headers that <c>Connection</c> names (RFC 9110, 7.6.1) and, unless enabled, trace
/// context.
/// </summary>
internal static class HopHeaders
{
    private const string TraceParent = "traceparent";

    // The headers of Cloudflare's AI gateway are for the server, which may be the upstream.
    private const string AiGatewayPrefix = "CF-AIG-";

    private static readonly string[] TraceHeaders = [TraceParent, "tracestate", "baggage", "Request-Id", "Correlation-Context"];

    private static readonly FrozenSet<string> ClientHeaders = FrozenSet.ToFrozenSet(
        [
            // Proxies and CDNs write the client's address into these. OpenRouter is behind such a CDN and might take a client's value for
            // its own.
            "Forwarded", "X-Forwarded", "Forwarded-For", "Via", "X-Real-IP", "True-Client-IP", "X-Client-IP", "Client-IP", "X-Cluster-Client-IP", "X-Originating-IP",
            "X-Remote-IP", "X-Remote-Addr", "X-Original-Forwarded-For", "X-Original-Host", "X-ProxyUser-Ip", "Proxy-Client-IP",
            "X-Original-Remote-Addr", "WL-Proxy-Client-IP", "Fastly-Client-IP", "Fly-Client-IP", "DO-Connecting-IP", "X-Azure-ClientIP",
            "X-Azure-SocketIP", "X-NF-Client-Connection-IP", "X-Vercel-Forwarded-For", "Incap-Client-IP", "X-Sucuri-ClientIP", "CDN-Loop",

            // Some servers take path or method from these in place of the request line, which the gateway has judged.
            "X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override",

            // Switches on OpenRouter's plugins, which the rights and rules of a request's body do not see.
            "X-Enable-Plugins",
        ],
        StringComparer.OrdinalIgnoreCase);

    // Families of such headers: those of Cloudflare, CloudFront and App Engine tell the client's address, place or identity.
    private static readonly string[] ClientPrefixes = ["X-Forwarded-", "X-Envoy-", "CF-", "CloudFront-", "X-Appengine-"];

    // Clients of several providers send their key in the header of another provider, too. A team's key may have any format.
    private static readonly FrozenSet<string> CredentialHeaders =
        FrozenSet.ToFrozenSet(["api-key", "x-goog-api-key"], StringComparer.OrdinalIgnoreCase);

    /// <summary>Removes headers from a request before it is sent upstream.</summary>
    public static void Clean(HttpContext context, HttpRequestMessage upstream, bool forwardTrace)
    {
        var request = GatewayContext.Of(context);
        var (hasTeams, scopesSessions) = (!request.Snapshot.Teams.IsEmpty, request.Team is { ScopesSessions: true });
        RemoveClients(upstream.Headers, hasTeams, scopesSessions);
        if (upstream.Content is { } content)
        {
            // HTTP counts names such as Expires among the headers of the content. They may hold a key, too.
            RemoveClients(content.Headers, hasTeams, scopesSessions);
        }

        if (!forwardTrace)
        {
            foreach (var name in TraceHeaders)
            {
                upstream.Headers.Remove(name);
            }
        }

        else if (Activity.Current is { } span && GatewayTraces.IsOwn(span))
        {
            // Upstream's spans belong to the attempt.
            upstream.Headers.Remove(TraceParent);
            upstream.Headers.TryAddWithoutValidation(TraceParent, span.Id);
        }

        if (hasTeams)
        {
            // The call is made with the team's key, not in the session of the client's browser.
            upstream.Headers.Remove(HeaderNames.Cookie);
        }

        foreach (var name in NamesIn(context.Request.Headers.Connection))
        {
            // Remove throws for names such as Expires, which are headers of a content.
            if (upstream.Headers.NonValidated.Contains(name))
            {
                upstream.Headers.Remove(name);
            }
        }

        // Kestrel handles the client's expectation. A forwarded expectation would delay the call by a second if upstream ignores it.
        upstream.Headers.ExpectContinue = null;
    }

    /// <summary>Removes headers from a response after YARP has copied upstream's headers.</summary>
    public static void Clean(HttpResponse response, HttpResponseMessage upstream)
    {
        if (upstream.Headers.NonValidated.TryGetValues(HeaderNames.Connection, out var values))
        {
            foreach (var name in NamesIn(values.ToString()))
            {
                response.Headers.Remove(name);
            }
        }
    }

    private static void RemoveClients(HttpHeaders headers, bool hasTeams, bool scopesSessions)
    {
        List<string>? found = null;
        foreach (var (name, values) in headers.NonValidated)
        {
            if (ClientHeaders.Contains(name)
                || (hasTeams && CredentialHeaders.Contains(name))
                || HasGatewayKey(values)
                || IsOfClientFamily(name)
                || (name.StartsWith("X-OpenRouter-", StringComparison.OrdinalIgnoreCase) && IsInternal(name, scopesSessions)))
            {
                (found ??= []).Add(name);
            }
        }

        foreach (var name in found ?? [])
        {
            headers.Remove(name);
        }
    }

    private static bool IsOfClientFamily(string name)
    {
        if (name.StartsWith(AiGatewayPrefix, StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        foreach (var prefix in ClientPrefixes)
        {
            if (name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    private static bool HasGatewayKey(in HeaderStringValues values)
    {
        foreach (var value in values)
        {
            if (GatewayKeys.IsIn(value))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// Whether a header of OpenRouter's is not the client's to set: the depth of a nested call, which limits the recursion of server tools,
    /// and, for a team with scoped sessions, the response cache, which teams with one OpenRouter key share.
    /// </summary>
    private static bool IsInternal(string name, bool scopesSessions) =>
        name.EndsWith("-depth", StringComparison.OrdinalIgnoreCase)
        || (scopesSessions && name.StartsWith("X-OpenRouter-Cache", StringComparison.OrdinalIgnoreCase));

    /// <summary>
    /// The header names in <c>Connection</c>, without its options and without <c>Content-*</c>, which is not hop-by-hop.
    /// </summary>
    private static IEnumerable<string> NamesIn(StringValues connection)
    {
        // Nearly every request has no such header or a single option. Neither case allocates.
        return connection.Count == 0 || (connection.Count == 1 && !HasNames(connection[0])) ? [] : Split(connection);

        static bool HasNames(string? value) => value is not null && !IsOption(value);
    }

    private static IEnumerable<string> Split(StringValues connection)
    {
        foreach (var value in connection)
        {
            foreach (var name in value?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [])
            {
                if (!IsOption(name) && !name.StartsWith("Content-", StringComparison.OrdinalIgnoreCase) && name.All(IsTokenCharacter))
                {
                    yield return name;
                }
            }
        }
    }

    private static bool IsOption(string value) =>
        value.Equals("keep-alive", StringComparison.OrdinalIgnoreCase)
        || value.Equals("close", StringComparison.OrdinalIgnoreCase)
        || value.Equals(HeaderNames.Upgrade, StringComparison.OrdinalIgnoreCase);

    private static bool IsTokenCharacter(char c) => char.IsAsciiLetterOrDigit(c) || "!#$%&'*+-.^_`|~".Contains(c);
}
