namespace Gateway.CommandLine;

/// <summary>What the program was asked to do.</summary>
internal enum GatewayCommand
{
    /// <summary>Serve requests: no sub-command was given.</summary>
    Serve,

    /// <summary>Validate the settings, print what they mean and leave.</summary>
    Check,

    /// <summary>Say which rules apply to a request and what its body becomes, and leave.</summary>
    Explain,

    /// <summary>Ask the gateway that runs with these settings whether it is alive, and leave.</summary>
    Health,

    /// <summary>Make a key for a team, print it with what to put into the settings, and leave. Reads no settings.</summary>
    KeysNew,

    /// <summary>Print what was used and what it cost, and leave.</summary>
    Usage,
}
