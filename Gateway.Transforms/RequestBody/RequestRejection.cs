namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>
/// The reason why a request is not forwarded. <c>ProviderMappingOptions.OnRejected</c> writes it as a response.
/// </summary>
/// <param name="Status">The HTTP status: 400, 403, 408, 413, 415 or 503.</param>
/// <param name="Code">A stable code for programs, such as <c>invalid_json</c>.</param>
/// <param name="Message">A sentence for people. It quotes nothing of the body but the name of a refused model or server tool.</param>
/// <param name="Param">The path of the invalid member in the body; <see langword="null"/> if it is not about a member.</param>
public sealed record RequestRejection(int Status, string Code, string Message, string? Param = null)
{
    /// <summary>The delay to announce in <c>Retry-After</c>; <see langword="null"/> if another attempt would be rejected too.</summary>
    public TimeSpan? RetryAfter { get; init; }
}
