namespace Gateway.Requests;

/// <summary>The response transform's record of upstream's response.</summary>
/// <param name="Status">The status code, or that of the error in a response with status 200.</param>
/// <param name="HeadersAt">When the headers arrived, as a timestamp of the host's clock.</param>
/// <param name="ReplacedStatus">The status code that upstream sent, if the error's status has replaced it.</param>
internal readonly record struct UpstreamRecord(int Status, long HeadersAt, int? ReplacedStatus = null);
