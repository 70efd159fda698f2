namespace Soak;

/// <summary>The frequency of each kind of call.</summary>
internal static class CallMix
{
    // Relative weights. Calls that hold a connection for long are rare.
    private static readonly (CallKind Kind, int Weight)[] Weights =
    [
        (CallKind.Short, 380),
        (CallKind.Conversation, 90),
        (CallKind.Upload, 8),
        (CallKind.Stream, 150),
        (CallKind.LeaveBeforeHead, 50),
        (CallKind.LeaveInBody, 40),
        (CallKind.LeaveInStream, 70),
        (CallKind.LeaveInHead, 12),
        (CallKind.SlowUpload, 8),
        (CallKind.StalledUpload, 1),
        (CallKind.StalledHead, 1),
        (CallKind.WrongKey, 40),
        (CallKind.BadBody, 35),
        (CallKind.UpstreamError, 35),
        (CallKind.UpstreamCloses, 12),
        (CallKind.UpstreamCutsStream, 15),
        (CallKind.UpstreamCutsJson, 12),
        (CallKind.DeniedModel, 12),
        (CallKind.ClosedEndpoint, 8),
        (CallKind.NoBudget, 12),
        (CallKind.NarrowLimit, 15),
        (CallKind.Guest, 20),
        (CallKind.Models, 10),
        (CallKind.Health, 8),
        (CallKind.Metrics, 4),
    ];

    private static readonly int Sum = Weights.Sum(entry => entry.Weight);

    public static CallKind Next(Prng prng)
    {
        var at = prng.Below(Sum);
        foreach (var (kind, weight) in Weights)
        {
            at -= weight;
            if (at < 0)
            {
                return kind;
            }
        }

        throw new InvalidOperationException("A number below the sum of the weights must be within one of them.");
    }
}
