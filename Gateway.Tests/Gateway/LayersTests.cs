using System.Text.RegularExpressions;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway;

/// <summary>
/// Promise: dependencies between the program's folders point one way. <see cref="Folders"/> lists the folders from the bottom layer to the
/// top; the <c>using</c> lines of a folder may name only folders that stand before it.
/// </summary>
public sealed partial class LayersTests
{
    private static readonly string[] Folders =
    [
        // Primitives.
        "Primitives", "Secrets", "Workers",

        // The domain.
        "Rules", "Billing", "Pricing", "Teams",

        // The settings' snapshot: its model, its reading, its watching.
        "Configuration.Model", "Configuration.Schema", "Configuration.Reading", "Configuration.ReverseProxy", "Configuration",

        // Stores.
        "Ledger", "Ledger.Sqlite", "Ledger.Postgres", "Limits", "OpenRouter", "Prices",

        // The path of a request.
        "Metering", "Routing", "Requests", "Errors", "Observability", "Authentication", "Admission", "Upstream",

        // Beside the requests.
        "Settlement",

        // Front ends.
        "Reports", "Health", "Admin", "Hosting", "CommandLine",
    ];

    private static string Program => Path.Combine(Repository.Root, "Gateway");

    public static TheoryData<string> EveryFolder => [.. Folders];

    [Fact]
    public void EveryFolder_HasItsLayer() => Assert.Equal(
        Folders.Order(StringComparer.Ordinal),
        Directory.EnumerateFiles(Program, "*.cs", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(Program, Path.GetDirectoryName(file)!).Replace(Path.DirectorySeparatorChar, '.'))
            .Where(folder => folder is not "." and not "bin" and not "obj" && !folder.StartsWith("bin.", StringComparison.Ordinal)
                && !folder.StartsWith("obj.", StringComparison.Ordinal))
            .Distinct(StringComparer.Ordinal)
            .Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(EveryFolder))]
    public void Folder_UsesOnlyFoldersBelowIt(string folder)
    {
        var layer = Array.IndexOf(Folders, folder);
        var back = Directory.EnumerateFiles(Path.Combine(Program, folder.Replace('.', Path.DirectorySeparatorChar)), "*.cs")
            .SelectMany(file => OwnUsing().Matches(File.ReadAllText(file)).Select(line => (file, Used: line.Groups["folder"].Value)))
            .Where(edge => LayerOf(edge.Used) > layer)
            .Select(edge => $"{Path.GetFileName(edge.file)} -> {edge.Used}");

        Assert.Empty(back);
    }

    [Fact]
    public void RootNamespace_IsUsedByNoFolder()
    {
        // A folder's namespace lies inside the root's, so no using line would show such a use: only the composition root may live there.
        Assert.Equal(
            ["GatewayPipeline.cs", "GatewayProgram.cs", "Program.cs"],
            Directory.EnumerateFiles(Program, "*.cs").Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(EveryFolder))]
    public void Namespace_IsTheFolder(string folder) => Assert.All(
        Directory.EnumerateFiles(Path.Combine(Program, folder.Replace('.', Path.DirectorySeparatorChar)), "*.cs"),
        file => Assert.Contains($"\nnamespace Gateway.{folder};\n", "\n" + File.ReadAllText(file), StringComparison.Ordinal));

    // A nested type may stand in a "using static" line: the longest folder counts. An unknown folder is above all.
    private static int LayerOf(string used) =>
        Folders.Where(folder => used == folder || used.StartsWith(folder + ".", StringComparison.Ordinal)).MaxBy(folder => folder.Length) is { } found
            ? Array.IndexOf(Folders, found)
            : int.MaxValue;

    [GeneratedRegex(@"^using (?:static )?Gateway\.(?<folder>[\w.]+);", RegexOptions.Multiline)]
    private static partial Regex OwnUsing();
}
