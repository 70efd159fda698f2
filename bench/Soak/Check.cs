namespace Soak;

/// <summary>A condition for success.</summary>
/// <param name="Name">The name of the condition.</param>
/// <param name="Found">The measured value.</param>
/// <param name="Bound">The allowed value.</param>
/// <param name="Holds">Whether the condition holds.</param>
internal sealed record Check(string Name, string Found, string Bound, bool Holds);
