namespace Gateway.Alerts;

/// <summary>The result of a post.</summary>
/// <param name="Failure">Why it failed, safe to log; <see langword="null"/> if it succeeded.</param>
/// <param name="RetryAfter">The time that the receiver asked to wait.</param>
internal readonly record struct AlertPost(string? Failure, TimeSpan RetryAfter = default)
{
    public static AlertPost Succeeded => new(null);
}
