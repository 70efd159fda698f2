namespace Gateway.Tests.Support;

/// <summary>One request of the corpus, with its outcome on a gateway without teams and on one with teams.</summary>
/// <param name="Name">A unique name, the display name of the test case.</param>
/// <param name="Raw">
/// The bytes as Latin-1 text. <see cref="HostileRequests.Key"/> and <see cref="HostileRequests.Id"/> in it are replaced when it is sent.
/// </param>
/// <param name="Open">The status without teams: a refusal that nothing upstream sees, 200, or <see cref="Any"/>.</param>
/// <param name="Team">The status with teams.</param>
internal sealed record HostileRequest(string Name, string Raw, int Open, int Team)
{
    /// <summary>Any status. If the request is forwarded, it obeys the rule like every other.</summary>
    public const int Any = 0;

    /// <summary>Any status from 400 on, and nothing is forwarded.</summary>
    public const int Refused = -1;
}
