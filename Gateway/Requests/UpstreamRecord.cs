namespace Gateway.Requests;

/// <summary>The response transform's record of upstream's response.</summary>
/// <param name="Status">The status code.</param>
/// <param name="HeadersAt">When the headers arrived, as a timestamp of the host's clock.</param>
internal readonly record struct UpstreamRecord(int Status, long HeadersAt);
