using System.Globalization;
using System.Text;
using Gateway.Hosting;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: in a container of 512 MB, waves of uploads of one team, each larger than the heap may become, neither starve another team nor end
/// the process, and leave no memory behind. <see cref="UploadsVariable"/> raises the number of uploads, and then the latencies of the other
/// team are printed.
/// </summary>
public sealed class NeighbourLoadTests
{
    /// <summary>Names the number of uploads of a wave, such as 2500.</summary>
    private const string UploadsVariable = "GATEWAY_TEST_UPLOADS";

    /// <summary>The limit that .NET sets for its heap in a container of 512 MB: 384 MB.</summary>
    private const string HeapLimit = "18000000";

    // The first waves also bring what the process keeps for ever: compiled methods, and buffers for as many connections as were ever open.
    private const int FewestWaves = 3;
    private const int MostWaves = 12;
    private const int SentBytes = 300_000;
    private const long Megabyte = 1024 * 1024;
    private const long ContainerLimit = 512 * Megabyte;

    /// <summary>The variation of a wave. The buffers of the waiting bodies of a wave are more: 64 MB.</summary>
    private const long Variation = 16 * Megabyte;

    private const string Other = "ogw-other";
    private static readonly string? Asked = Environment.GetEnvironmentVariable(UploadsVariable) is { Length: > 0 } asked ? asked : null;

    /// <summary>1,600, which is 480 MB. Half of the file descriptors are left to the tests that run beside this one.</summary>
    private static readonly int Uploads = Asked is null
        ? (int)Math.Min(1600, (OpenFiles.Read()?.Limit ?? long.MaxValue) / 2)
        : int.Parse(Asked, CultureInfo.InvariantCulture);

    [Theory]
    [InlineData("", "server_busy")]
    [InlineData(""" "Limits": { "ConcurrentRequests": 1 } """, "rate_limit_exceeded")]
    public async Task WavesOfUploads_LeaveTheOtherTeamItsCallsAndTheProcessItsMemory(string limits, string refusal)
    {
        var options = new TeamGatewayOptions
        {
            Team = limits,
            MoreTeams = reference => [TeamSetup.Team("", "other", Other, reference: reference)],
            Sections = [("Admin", """{ "Url": "http://127.0.0.1:0" }""")],
        };
        options.Environment["DOTNET_GCHeapHardLimit"] = HeapLimit;
        await using var team = await TeamGateway.StartAsync(options);
        using var admin = await team.Gateway.AdminClientAsync();
        var latencies = new List<TimeSpan>();
        var resident = new List<long>();
        var piece = Encoding.ASCII.GetBytes("{\"model\":\"m\",\"text\":\"" + new string('x', SentBytes));
        for (var wave = 0; wave < MostWaves && !IsSteady(resident); wave++)
        {
            var refused = await RefusedAsync(admin, refusal);
            var clients = new List<RawHttpClient>(Uploads);
            var sending = new List<Task>(Uploads);
            try
            {
                for (var i = 0; i < Uploads; i++)
                {
                    var client = await team.Gateway.ConnectAsync();
                    clients.Add(client);
                    sending.Add(UploadAsync(client, piece));
                }

                // Only as many wait as may; a refusal tells that the others have come, too.
                await Eventually.TrueAsync(async () => await RefusedAsync(admin, refusal) > refused, "a refusal of the wave");
                for (var call = 0; call < (Asked is null ? 10 : 300); call++)
                {
                    await CallAsync(team, call % 2 == 0 ? 100 : 100_000, latencies);
                }

                Assert.False(team.Gateway.Process.HasExited, team.Gateway.Log.Text);
                resident.Add(team.Gateway.Process.WorkingSet);
            }
            finally
            {
                foreach (var client in clients)
                {
                    client.Reset();
                }

                await Task.WhenAll(sending);
                foreach (var client in clients)
                {
                    await client.DisposeAsync();
                }
            }
        }

        latencies.Sort();
        if (Asked is not null)
        {
            TestContext.Current.TestOutputHelper!.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{Uploads} uploads: p50 {latencies[latencies.Count / 2].TotalMilliseconds:0} ms, "
                + $"p99 {latencies[latencies.Count * 99 / 100].TotalMilliseconds:0} ms, most {latencies[^1].TotalMilliseconds:0} ms; "
                + $"resident {string.Join(", ", resident.Select(bytes => bytes / Megabyte))} MB"));
        }

        Assert.True(IsSteady(resident), $"each wave adds to the resident memory: {string.Join(", ", resident.Select(static bytes => bytes / Megabyte))} MB");
        Assert.All(resident, bytes => Assert.InRange(bytes, 0, ContainerLimit));
    }

    /// <summary>Whether the last wave has added nothing to the most that earlier ones needed.</summary>
    private static bool IsSteady(List<long> resident) =>
        resident.Count >= FewestWaves && resident[^1] <= resident.SkipLast(1).Max() + Variation;

    private static async Task UploadAsync(RawHttpClient client, byte[] piece)
    {
        try
        {
            await client.SendAsync(
                $"POST /v1/chat/completions HTTP/1.1\r\nHost: {client.Authority}\r\n{TeamSetup.Bearer}\r\nContent-Length: 104857600\r\n\r\n");
            await client.SendAsync(piece);
        }
        catch (Exception refused) when (refused is IOException or ObjectDisposedException)
        {
            // The gateway refuses most of them and closes their connections.
        }
    }

    /// <summary>The number of refusals with a code so far.</summary>
    private static async Task<long> RefusedAsync(HttpClient admin, string code) =>
        (long)(await MetricScrape.ReadAsync(admin)).Of("gateway_refusals_total", ("code", code)).Sum(static series => series.Value);

    private static async Task CallAsync(TeamGateway team, int length, List<TimeSpan> latencies)
    {
        const string Head = "{\"model\":\"openai/gpt-4o-mini\",\"max_tokens\":5,\"messages\":[{\"role\":\"user\",\"content\":\"";
        var body = Head + new string('x', length) + "\"}]}";
        var start = TimeProvider.System.GetTimestamp();
        var answer = await team.PostAsync("/v1/chat/completions", body, "x-api-key: " + Other);
#pragma warning disable RS0030 // Printed for people; the test does not judge it.
        latencies.Add(TimeProvider.System.GetElapsedTime(start));
#pragma warning restore RS0030
        Assert.Equal(200, answer.Status);
    }
}
