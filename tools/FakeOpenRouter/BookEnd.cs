namespace FakeOpenRouter;

/// <summary>How a generation ended.</summary>
internal enum BookEnd
{
    /// <summary>Under way.</summary>
    Open,

    /// <summary>The whole answer was produced.</summary>
    Complete,

    /// <summary>The client left.</summary>
    Cancelled,

    /// <summary>The script broke it off.</summary>
    Failed,
}
