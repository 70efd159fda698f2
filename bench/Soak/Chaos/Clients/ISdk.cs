namespace Soak.Chaos.Clients;

/// <summary>An SDK as its users have it.</summary>
internal interface ISdk
{
    /// <summary>The name in reports.</summary>
    string Name { get; }

    IReadOnlyList<SdkApi> Apis { get; }

    /// <summary>Makes a call.</summary>
    /// <exception cref="OperationCanceledException">The call did not end before the caller gave up.</exception>
    Task<SdkOutcome> CallAsync(SdkCall call, CancellationToken giveUp);
}
