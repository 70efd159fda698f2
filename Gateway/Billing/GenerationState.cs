namespace Gateway.Billing;

/// <summary>How far the bill of a generation is known. Stored by its number.</summary>
internal enum GenerationState
{
    /// <summary>Under way: charged at its reservation.</summary>
    Reserved = 0,

    /// <summary>Over without a bill: charged at its reservation, and upstream is being asked.</summary>
    Provisional = 1,

    /// <summary>The bill is known: charged at its cost.</summary>
    Settled = 2,

    /// <summary>No bill will come: charged at its reservation.</summary>
    Unresolvable = 3,
}
