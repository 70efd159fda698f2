using System.Security.Cryptography;
using Gateway.Errors;

namespace Gateway.Admin;

/// <summary>A file of the dashboard: an embedded resource, served with a strong <c>ETag</c>.</summary>
internal sealed class DashboardFile
{
    // A browser keeps the file and asks each time whether it has changed, so that page and script are always of one version.
    private const string Revalidate = "no-cache";

    private readonly string _contentType;
    private readonly byte[] _bytes;
    private readonly string _tag;

    private DashboardFile(string contentType, byte[] bytes)
    {
        _contentType = contentType;
        _bytes = bytes;
        _tag = $"\"{Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, 12))}\"";
    }

    /// <summary>Reads a file.</summary>
    /// <param name="name">Its name in the folder of the dashboard.</param>
    /// <param name="contentType">The value of <c>Content-Type</c>.</param>
    public static DashboardFile Read(string name, string contentType)
    {
        using var resource = typeof(DashboardFile).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"The program has no resource {name}.");
        var bytes = new byte[resource.Length];
        resource.ReadExactly(bytes);
        return new DashboardFile(contentType, bytes);
    }

    /// <summary>Answers GET and HEAD: with the file, or with 304 if the client has this version.</summary>
    public Task AnswerAsync(HttpContext context)
    {
        var response = context.Response;
        GatewayResponseHeaders.Apply(context);
        response.Headers.CacheControl = Revalidate;
        response.Headers.ETag = _tag;
        response.Headers.ContentSecurityPolicy = DashboardEndpoints.ContentSecurityPolicy;
        response.Headers["Referrer-Policy"] = "no-referrer";
        response.Headers["Cross-Origin-Resource-Policy"] = "same-origin";
        if (IsKnown(context.Request))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }

        response.ContentType = _contentType;
        response.ContentLength = _bytes.Length;
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : response.Body.WriteAsync(_bytes).AsTask();
    }

    // If-None-Match compares weakly (RFC 9110, 13.1.2): a proxy that compresses the file marks its tag as weak.
    private bool IsKnown(HttpRequest request) => request.GetTypedHeaders().IfNoneMatch.Any(
        tag => tag.Tag == "*" || tag.Tag.Equals(_tag, StringComparison.Ordinal));
}
