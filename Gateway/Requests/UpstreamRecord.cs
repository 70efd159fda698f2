namespace Gateway.Requests;

/// <summary>Set by the response transform: the head of upstream's answer.</summary>
/// <param name="Status">The status.</param>
/// <param name="HeadersAt">Timestamp of its headers.</param>
internal readonly record struct UpstreamRecord(int Status, long HeadersAt);
