namespace Soak;

/// <summary>The head of a request with a JSON body.</summary>
internal static class RequestHead
{
    /// <param name="path">The path.</param>
    /// <param name="length">The length of the body.</param>
    /// <param name="key">The key of the team.</param>
    /// <param name="script">The header lines for the scripted upstream.</param>
    public static string Post(string path, int length, string key, params IEnumerable<string> script) =>
        $"POST {path} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        + $"Content-Length: {length}\r\n{string.Concat(script.Select(line => line + "\r\n"))}\r\n";
}
