using Gateway.Pricing;

namespace Gateway.Requests;

/// <summary>
/// The record of the RequestBody phase about a team's request whose body was read. The default is a body that was not read.
/// </summary>
/// <param name="Cost">The estimated use.</param>
/// <param name="Session">The value of the session header sent upstream; <see langword="null"/> leaves the client's header.</param>
/// <param name="RemovedTools">The server tools that were removed from the body, for the header and the log.</param>
/// <param name="ReportedTools">The server tools that are closed to the team and passed nevertheless, for the log.</param>
internal readonly record struct RequestBodyRecord(
    RequestCost Cost, string? Session, string? RemovedTools = null, string? ReportedTools = null);
