namespace FakeOpenRouter;

/// <summary>How a generation ended.</summary>
internal enum BookEnd
{
    /// <summary>In progress.</summary>
    Open,

    /// <summary>The whole response was produced.</summary>
    Complete,

    /// <summary>The client disconnected.</summary>
    Cancelled,

    /// <summary>The script broke the response off.</summary>
    Failed,
}
