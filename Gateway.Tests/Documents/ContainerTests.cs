using System.Text.RegularExpressions;
using Gateway.Configuration.Reading;
using Gateway.Tests.Documents.Deployment;
using Gateway.Tests.Gateway.Configuration;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Documents;

/// <summary>
/// Promise: the image and the compose files agree about folders, and contain only variables and settings that the gateway knows.
/// deploy/container/check runs the program under their conditions.
/// </summary>
public sealed partial class ContainerTests
{
    private static readonly string Dockerfile = Read("Dockerfile");
    private static readonly ComposeFile.Service Compose = ComposeFile.Read(Read("compose.yaml")).Services["gateway"];

    // For the engine, which counts from its decision to end the container.
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(10);

    [Fact]
    public void Image_StartsInItsVolume_WithTheMountedSettings()
    {
        Assert.Equal(["/var/lib/gateway"], Values("VOLUME"));
        Assert.Equal("/var/lib/gateway", Values("WORKDIR")[^1]);
        var variable = Assert.Single(Values("ENV")).Split('=');
        Assert.Contains(variable[0], EnvironmentVariables.Names);
        Assert.Equal("/etc/gateway/appsettings.json", variable[1]);
        Assert.Contains("/var/lib/gateway /var/lib/gateway", string.Join('\n', Values("COPY")), StringComparison.Ordinal);
    }

    [Fact]
    public void Image_HasTheSchemaBesideTheSettings() =>
        Assert.Contains("appsettings.json appsettings.schema.json /etc/gateway/", Values("COPY"));

    [Fact]
    public void Image_IsBuiltFromFilesThatAreNotIgnored()
    {
        var context = Read(".dockerignore").Split('\n');
        var sources = Values("COPY").Where(static copy => !copy.StartsWith("--from", StringComparison.Ordinal))
            .SelectMany(static copy => copy.Split(' ')[..^1])
            .ToArray();

        Assert.Contains("appsettings.schema.json", sources);
        Assert.All(sources, source => Assert.True(
            context.Contains($"!{source}") || context.Contains($"!{source.Split('/')[0]}/**"), $"{source} is ignored"));
    }

    [Fact]
    public void BaseImages_ArePinned_AndTheNativeImageIsTheDefault()
    {
        string[] stages = [.. Values("FROM").Select(static from => from.Split(' ')[^1])];
        string[] bases = [.. Values("FROM").Select(static from => from.Split(' ')[0]).Except(stages)];

        Assert.Equal(2, bases.Length);
        Assert.All(bases, static image => Assert.Matches("^[^@]+:[^@]+@sha256:[0-9a-f]{64}$", image));
        Assert.Equal("native", stages[^1]);
        Assert.Equal(["/app /app", "/app /app"], Values("COPY").Where(static copy => copy.Contains("/app", StringComparison.Ordinal)).Select(static copy => copy.Split(' ', 2)[1]));
    }

    /// <summary>The gate publishes each image's program with the options of the Dockerfile, and runs it as the image does.</summary>
    [Theory]
    [InlineData("native", "-p:PublishAot=true")]
    [InlineData("jit", "-p:SelfContained=true -p:PublishReadyToRun=true -p:PublishTrimmed=true")]
    public void Program_IsRestoredPublishedAndTriedWithTheSameOptions(string target, string options)
    {
        var gate = Read(Path.Combine(".ci", "run"));

        Assert.Contains($"FROM image AS {target}\nCOPY --from=build-{target} /app /app\n", Dockerfile, StringComparison.Ordinal);
        Assert.Contains($"dotnet restore Gateway --use-current-runtime {options}", Values("RUN"));
        Assert.Contains(
            Values("RUN"),
            run => run.StartsWith($"dotnet publish Gateway -c Release --use-current-runtime --no-restore {options} ", StringComparison.Ordinal));
        Assert.Contains($"publish \"$out/{target}\" {options}\n", gate, StringComparison.Ordinal);
        Assert.Contains($"deploy/container/check \"$out/{target}\"", gate, StringComparison.Ordinal);
    }

    [Fact]
    public void EveryCopiedFile_IsThere()
    {
        var copied = Values("COPY").Where(static copy => !copy.StartsWith("--", StringComparison.Ordinal))
            .SelectMany(static copy => copy.Split(' ').SkipLast(1));

        Assert.All(copied, static path => Assert.True(Path.Exists(Path.Combine(Repository.Root, path)), path));
    }

    [Fact]
    public void Compose_MountsTheFoldersOfTheImage()
    {
        Assert.Equal(["./config:/etc/gateway:ro", "data:/var/lib/gateway"], Compose.Volumes);
        Assert.True(Compose.ReadOnly);
        Assert.Equal(["/tmp:size=64m"], Compose.Tmpfs);
        Assert.Equal(["3000:3000", "127.0.0.1:9464:9464"], Compose.Ports);
    }

    /// <summary>The secrets that the settings refer to come from <c>.env</c>, and the first start needs none.</summary>
    [Fact]
    public void Compose_ReadsTheVariablesOfAFileThatMayBeMissing()
    {
        var file = Assert.Single(Compose.EnvFile);

        Assert.Equal((".env", false), (file.Path, file.Required));
    }

    [Fact]
    public void Compose_GivesNoRights()
    {
        Assert.Equal(["ALL"], Compose.CapDrop);
        Assert.Equal(["no-new-privileges:true"], Compose.SecurityOpt);
    }

    [Fact]
    public async Task Compose_GivesTheTimeAndTheMemoryOfTheSettings()
    {
        using var folder = new SettingsFolder();
        folder.Write("appsettings.json", Read("appsettings.json"));
        var server = (await folder.LoadGoodAsync()).Settings.Server;

        Assert.True(
            Compose.Grace >= global::Gateway.Hosting.GatewayHost.ShutdownTime(server) + Margin, $"{Compose.Grace} is less than the time of a shutdown");
        Assert.Equal(2 * server.RequestBodyMemory, Compose.Memory);
        Assert.Equal("unless-stopped", Compose.Restart);
    }

    [Fact]
    public async Task SharedStores_AreSettingsOfTheGateway()
    {
        using var folder = new SettingsFolder();
        folder.Write("appsettings.json", SettingsFolder.Json());
        var settings = Setting().Matches(Read("compose.shared.yaml"));
        Assert.Equal(4, settings.Count);
        foreach (Match setting in settings)
        {
            folder.Variables[setting.Groups["name"].Value] = setting.Groups["value"].Value;
        }

        var snapshot = await folder.LoadGoodAsync();

        Assert.Equal(("Postgres", "Redis"), (snapshot.Settings.Usage.Store.ToString(), snapshot.Settings.Limits.Store.ToString()));
    }

    [Fact]
    public void Stores_ArePinned()
    {
        string[] images = [.. Image().Matches(Read("compose.shared.yaml")).Select(static image => image.Groups["name"].Value)];

        Assert.Equal(2, images.Length);
        Assert.All(images, static image => Assert.Matches("^[^@]+:[0-9.]+-alpine@sha256:[0-9a-f]{64}$", image));
    }

    private static string Read(string name) => File.ReadAllText(Path.Combine(Repository.Root, name));

    private static string[] Values(string instruction) =>
        [.. Instruction().Matches(Dockerfile).Where(line => line.Groups["name"].Value == instruction).Select(line => line.Groups["value"].Value)];

    [GeneratedRegex("^(?<name>[A-Z]+) (?<value>.+)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Instruction();

    [GeneratedRegex("^ +image: (?<name>.+)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Image();

    [GeneratedRegex("^ +(?<name>[A-Za-z]+(__[A-Za-z]+)+): (?<value>.+)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Setting();
}
