namespace Gateway.Teams;

/// <summary>The policy for a request that uses a server tool which is closed to its team.</summary>
internal enum WhenToolClosed
{
    /// <summary>It is refused with 403. The default.</summary>
    Refuse,

    /// <summary>
    /// The tool is removed from <c>tools</c>. The request is refused if that is impossible: for a plugin or a preset, or if
    /// <c>tool_choice</c> needs the tool.
    /// </summary>
    Remove,

    /// <summary>It passes, and is logged and counted as if it had been refused. Tools that an enforced rule closes stay closed.</summary>
    Report,
}
