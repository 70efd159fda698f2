using Gateway.Primitives;

namespace Gateway.Admission;

/// <summary>What a request asks of its team's limits and budget, known once its body was read.</summary>
/// <param name="Tokens">Tokens that a limit sets aside.</param>
/// <param name="Cost">What a budget sets aside; <see langword="null"/> when the price is not known.</param>
/// <param name="Session">The session to name upstream in the header, or <see langword="null"/>.</param>
internal sealed record RequestCost(long Tokens, PicoDollars? Cost, string? Session);
