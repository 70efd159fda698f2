namespace Gateway.Tests.Support;

/// <summary>What a gateway process that has ended printed and returned.</summary>
internal sealed record GatewayOutput(int ExitCode, string Out, string Error)
{
    /// <summary>Both streams.</summary>
    public string All => Out + Error;
}
