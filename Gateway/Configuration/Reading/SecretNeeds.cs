namespace Gateway.Configuration.Reading;

/// <summary>
/// The secrets that a command needs. A reference to any other secret that does not resolve is a warning. The files of TLS belong to all.
/// </summary>
internal enum SecretNeeds
{
    /// <summary>All of them: the gateway starts or reloads.</summary>
    All,

    /// <summary>The ledger's connection string: the command reads or writes the ledger.</summary>
    Ledger,

    /// <summary>None: the command reads the settings only, possibly on a machine without the secrets.</summary>
    None,
}
