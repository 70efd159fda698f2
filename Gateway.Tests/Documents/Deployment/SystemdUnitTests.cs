using System.Globalization;
using System.Text.RegularExpressions;
using Gateway.CommandLine;
using Gateway.Configuration.Reading;
using Gateway.Hosting;
using Gateway.Tests.Gateway.Configuration;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Documents.Deployment;

/// <summary>
/// Promise: systemd accepts the units, their limits fit the settings that they ship with, and the README's drop-ins and settings fit the units.
/// </summary>
public sealed partial class SystemdUnitTests
{
    private const string Program = "/opt/openrouter-gateway/Gateway";
    private const string Name = "openrouter-gateway.service";

    // The margin for systemd's own steps.
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(10);

    private static readonly string Folder = Path.Combine(Repository.Root, "deploy", "systemd");
    private static readonly string Readme = File.ReadAllText(Path.Combine(Folder, "README.md"));
    private static readonly UnitFile Service = UnitFile.Parse(Read(Name));
    private static readonly UnitFile SocketUnit = UnitFile.Parse(Read("openrouter-gateway.socket"));

    public static TheoryData<string> DropIns => ["", .. DropIn().Matches(Readme).Select(block => block.Groups["name"].Value)];

    [Theory]
    [MemberData(nameof(DropIns))]
    public async Task Units_PassVerify(string dropIn)
    {
        using var units = WriteUnits(dropIn);

        var run = await AnalyzeAsync("verify", units.File(Name), units.File("openrouter-gateway.socket"));

        Assert.Equal((0, "", ""), (run.ExitCode, run.Out, run.Error));
    }

    [Fact]
    public async Task Exposure_StaysLow()
    {
        using var units = WriteUnits("");

        // In tenths. The remaining exposure: sockets to the Internet, the host's network and the root folder, which is read-only.
        var run = await AnalyzeAsync("security", "--offline=true", "--no-pager", "--threshold=12", units.File(Name));

        Assert.True(run.ExitCode == 0, run.Out + run.Error);
    }

    [Fact]
    public async Task Limits_FitTheShippedSettings()
    {
        using var folder = new SettingsFolder();
        folder.Write("appsettings.json", ShippedSettings.Text);
        var server = (await folder.LoadGoodAsync()).Settings.Server;

        var stop = TimeSpan.FromSeconds(int.Parse(Service.Value("TimeoutStopSec"), CultureInfo.InvariantCulture));
        Assert.True(stop >= global::Gateway.Hosting.GatewayHost.ShutdownTime(server) + Margin, $"{stop} is less than the time of a shutdown");
        Assert.Equal($"{2 * server.RequestBodyMemory / 1024 / 1024}M", Service.Value("MemoryMax"));
        Assert.Equal(server.Port.ToString(CultureInfo.InvariantCulture), SocketUnit.Value("ListenStream"));

        // A process that has opened a thousand other files.
        var files = new OpenFiles(long.Parse(Service.Value("LimitNOFILE"), CultureInfo.InvariantCulture), InUse: 1000);
        Assert.Equal(OpenFiles.MostConnections, files.AllowedConnections);
        Assert.Equal(SettingsStartup.FaultyStart.ToString(CultureInfo.InvariantCulture), Service.Value("RestartPreventExitStatus"));
    }

    [Fact]
    public void Folders_AreThoseOfTheReadme()
    {
        Assert.Equal([Program, $"{Program} check", "/bin/kill -HUP $MAINPID"], Service.Values("ExecStart").Concat(Service.Values("ExecReload")));
        Assert.Equal($"{EnvironmentVariables.Config}=%E/{Service.Value("ConfigurationDirectory")}/appsettings.json", Service.Value("Environment"));
        Assert.Equal($"%S/{Service.Value("StateDirectory")}", Service.Value("WorkingDirectory"));
        string[] folders = [Path.GetDirectoryName(Program)!, "/etc/" + Service.Value("ConfigurationDirectory"), "/var/lib/" + Service.Value("StateDirectory")];
        Assert.All(folders, folder => Assert.Contains($"| `{folder}` |", Readme, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Credentials_AreThoseOfTheSettings()
    {
        const string Runtime = "/run/credentials/" + Name + "/";
        var names = UnitFile.Parse(DropIn().Matches(Readme).Single(block => block.Groups["name"].Value == "credentials.conf").Groups["text"].Value)
            .Values("LoadCredential").Select(value => value.Split(':')[0]).ToArray();
        var settings = Settings().Match(Readme).Groups["text"].Value;
        Assert.Equal(names.Order(StringComparer.Ordinal), Reference().Matches(settings).Select(reference => reference.Groups["name"].Value).Order(StringComparer.Ordinal));

        using var folder = new SettingsFolder();
        foreach (var name in names)
        {
            folder.Write(name, "secret-of-" + name);
        }

        folder.Write("appsettings.json", SettingsFolder.Json(settings.Replace(Runtime, folder.Path + "/", StringComparison.Ordinal)));
        await folder.LoadGoodAsync();
    }

    private static string Read(string name) => File.ReadAllText(Path.Combine(Folder, name));

    private static Task<CommandRun> AnalyzeAsync(params string[] arguments)
    {
        var program = Programs.Find("systemd-analyze");
        Assert.SkipUnless(program is not null, "systemd-analyze is not installed (Debian's package systemd).");
        return CommandRun.RunAsync(program, arguments);
    }

    /// <summary>The units with a program that exists on this machine, and a drop-in of the README.</summary>
    private static TempFolder WriteUnits(string dropIn)
    {
        var folder = new TempFolder();
        foreach (var path in Directory.EnumerateFiles(Folder, "openrouter-gateway.*"))
        {
            folder.Write(Path.GetFileName(path), File.ReadAllText(path).Replace(Program, "/bin/true", StringComparison.Ordinal));
        }

        foreach (var block in DropIn().Matches(Readme).Where(block => block.Groups["name"].Value == dropIn))
        {
            folder.Write($"{Name}.d/{dropIn}", block.Groups["text"].Value);
        }

        return folder;
    }

    [GeneratedRegex("^```ini\n# /etc/systemd/system/openrouter-gateway\\.service\\.d/(?<name>\\S+)\n(?<text>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex DropIn();

    [GeneratedRegex("^```jsonc\n(?<text>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex Settings();

    [GeneratedRegex("\"file:/run/credentials/openrouter-gateway\\.service/(?<name>[^\"]+)\"", RegexOptions.ExplicitCapture)]
    private static partial Regex Reference();
}
