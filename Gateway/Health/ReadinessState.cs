namespace Gateway.Health;

/// <summary>The state that <c>/health/ready</c> shows.</summary>
internal enum ReadinessState
{
    /// <summary>The gateway accepts requests.</summary>
    Ready,

    /// <summary>The gateway starts, or its ledger is not open yet though a budget needs it.</summary>
    Waiting,

    /// <summary>A stop was requested.</summary>
    Stopping,
}
