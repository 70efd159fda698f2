namespace Soak;

/// <summary>One thing that had to hold.</summary>
/// <param name="Name">What.</param>
/// <param name="Found">What was found.</param>
/// <param name="Bound">What was allowed.</param>
/// <param name="Holds">Whether it held.</param>
internal sealed record Check(string Name, string Found, string Bound, bool Holds);
