using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway.Configuration.ReverseProxy;

/// <summary>Promise: a time limit for data events that a cluster's limit of silence may end earlier is warned of.</summary>
public sealed class ActivityTimeoutsTests : IDisposable
{
    private readonly SettingsFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("FirstEventTimeout", "00:30:01", null, "00:30:00")]
    [InlineData("EventTimeout", "00:05:00", "00:04:59", "00:04:59")]
    [InlineData("EventTimeout", "00:30:00", null, null)]
    [InlineData("FirstEventTimeout", "00:04:59", "00:05:00", null)]
    [InlineData("TotalTimeout", "10:00:00", null, null)]
    public async Task LimitThatIsLongerThanTheClusters_IsWarnedOf(string name, string limit, string? clusters, string? expected)
    {
        _folder.Write("appsettings.json", ShippedSettings.WithValues(
            ($"Upstream:{name}", $"\"{limit}\""),
            ("ReverseProxy:Clusters:openrouter:HttpRequest:ActivityTimeout", $"\"{clusters ?? "00:30:00"}\"")));

        var snapshot = await _folder.LoadGoodAsync();

        Assert.Equal(
            expected is null
                ? []
                : [$"Upstream:{name}: \"{limit}\" is longer than the ActivityTimeout of the cluster openrouter, \"{expected}\", which ends a "
                    + "stream without a single byte earlier"],
            snapshot.Warnings.Select(warning => warning.ToString()));
    }
}
