using Gateway.Pricing;

namespace Gateway.Requests;

/// <summary>
/// The record of the RequestBody phase about a team's request whose body was read. The default is a body that was not read.
/// </summary>
/// <param name="Cost">The estimated use.</param>
/// <param name="Session">The value of the session header sent upstream; <see langword="null"/> leaves the client's header.</param>
internal readonly record struct RequestBodyRecord(RequestCost Cost, string? Session);
