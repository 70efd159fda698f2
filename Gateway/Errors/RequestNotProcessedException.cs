namespace Gateway.Errors;

/// <summary>
/// Upstream has surely not processed the request: the HTTP client wants to send it again, which it does only after a refused HTTP/2 stream
/// or one that a <c>GOAWAY</c> excludes. Its body may not be read once more.
/// </summary>
internal sealed class RequestNotProcessedException() : InvalidOperationException("Upstream has refused the request's stream");
