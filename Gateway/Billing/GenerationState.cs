namespace Gateway.Billing;

/// <summary>The billing state of a generation. The ledger stores the number.</summary>
internal enum GenerationState
{
    /// <summary>The call is in flight. The reservation is charged.</summary>
    Reserved = 0,

    /// <summary>The call ended without a bill, and upstream is asked for it. The reservation is charged.</summary>
    Provisional = 1,

    /// <summary>The bill is known. Its cost is charged.</summary>
    Settled = 2,

    /// <summary>
    /// No bill will arrive. The budget counts the reservation for <c>Limits:UnknownHold</c>; reports show the row as unresolved.
    /// </summary>
    Unresolvable = 3,

    /// <summary>No bill has arrived, and an operator has decided that the call cost nothing. Nothing is charged.</summary>
    WrittenOff = 4,
}
