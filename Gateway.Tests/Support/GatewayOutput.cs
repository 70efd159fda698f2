namespace Gateway.Tests.Support;

/// <summary>The output and the exit code of a gateway process that has ended.</summary>
internal sealed record GatewayOutput(int ExitCode, string Out, string Error)
{
    /// <summary>Both streams.</summary>
    public string All => Out + Error;
}
