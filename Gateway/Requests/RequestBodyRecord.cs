using Gateway.Pricing;

namespace Gateway.Requests;

/// <summary>Set by RequestBody for a team's request whose body was read and judged. The default is a body that was not read.</summary>
/// <param name="Cost">The estimated use.</param>
/// <param name="Session">The session for upstream's header; <see langword="null"/> leaves the client's header.</param>
internal readonly record struct RequestBodyRecord(RequestCost Cost, string? Session);
