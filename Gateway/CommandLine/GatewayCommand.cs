namespace Gateway.CommandLine;

/// <summary>The sub-commands.</summary>
internal enum GatewayCommand
{
    /// <summary>Serve requests: no sub-command was given.</summary>
    Serve,

    /// <summary>Validate the settings and print the effective ones.</summary>
    Check,

    /// <summary>Show which rules apply to a request, and the rewritten body.</summary>
    Explain,

    /// <summary>Check that the gateway with these settings is alive.</summary>
    Health,

    /// <summary>Create a key for a team, and print it with the JSON for the settings. Reads no settings.</summary>
    KeysNew,

    /// <summary>Print usage and cost.</summary>
    Usage,

    /// <summary>Set calls of unknown cost to zero, with a reason.</summary>
    WriteOff,
}
