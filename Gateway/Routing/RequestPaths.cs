using System.Text;
using Microsoft.AspNetCore.Http.Features;

namespace Gateway.Routing;

/// <summary>
/// Detects paths that two parsers may read differently. The gateway rejects them with 404: it would judge one path and upstream would serve
/// another. Kestrel has already resolved ordinary escapes and, in a target that is a path, dot segments.
/// </summary>
internal static class RequestPaths
{
    private const string EscapedSlash = "%2F";

    /// <summary>Whether the path of a request is ambiguous.</summary>
    public static bool IsAmbiguous(HttpRequest request) =>
        IsAmbiguous(request.Path)
        || IsAmbiguousTarget(request.HttpContext.Features.Get<IHttpRequestFeature>() is { RawTarget: { } target } ? target : "");

    /// <summary>Whether a decoded path is ambiguous.</summary>
    public static bool IsAmbiguous(PathString path)
    {
        var value = path.Value.AsSpan();
        return value.Contains("//", StringComparison.Ordinal)
            || value.Contains('\\')
            || value.Contains(EscapedSlash, StringComparison.OrdinalIgnoreCase)
            || HasDotSegment(value);
    }

    /// <summary>
    /// Whether the path of a target has a byte outside of ASCII, which HTTP/2 lets a client send and Kestrel decodes as Latin-1; or whether a
    /// target in absolute form (<c>http://host/path</c>) has an escaped slash or a backslash: Kestrel removes its dot segments before it decodes
    /// these, so the path that it gives has lost them.
    /// </summary>
    private static bool IsAmbiguousTarget(ReadOnlySpan<char> target)
    {
        var query = target.IndexOf('?');
        var path = query < 0 ? target : target[..query];
        return !Ascii.IsValid(path)
            || (!path.StartsWith('/')
                && (path.Contains('\\')
                    || path.Contains(EscapedSlash, StringComparison.OrdinalIgnoreCase)
                    || path.Contains("%5C", StringComparison.OrdinalIgnoreCase)));
    }

    /// <summary>Whether a segment is <c>.</c> or <c>..</c>, which the address of the forwarded request would resolve.</summary>
    private static bool HasDotSegment(ReadOnlySpan<char> path)
    {
        while (path.IndexOf("/.", StringComparison.Ordinal) is >= 0 and var at)
        {
            path = path[(at + 2)..];
            if (path is "" or "." || path.StartsWith('/') || path.StartsWith("./", StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }
}
