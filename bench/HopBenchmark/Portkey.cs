using System.Globalization;

namespace HopBenchmark;

/// <summary>Portkey's gateway for Node, installed from npm into a cache folder on first use.</summary>
internal static class Portkey
{
    public const string Version = "1.15.2";

    private const int OldestNode = 20;

    // With a newer server package, this version fails every stream ("immutable" headers).
    private static readonly string[] Packages = [$"@portkey-ai/gateway@{Version}", "hono@4.9.7", "@hono/node-server@1.13.8"];

    private static string Folder => Path.Combine(
        Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "openrouter-gateway-bench", "portkey-" + Version);

    private static string Script => Path.Combine(Folder, "node_modules", "@portkey-ai", "gateway", "build", "start-server.js");

    /// <summary>Installs it if necessary.</summary>
    public static async Task<HopRecipe> PrepareAsync()
    {
        if (!Tool.Exists("node") || !Tool.Exists("npm"))
        {
            return Absent("node and npm are not installed");
        }

        var node = (await Tool.RunAsync("node", "--version")).Trim();
        if (!int.TryParse(node.TrimStart('v').Split('.')[0], CultureInfo.InvariantCulture, out var major) || major < OldestNode)
        {
            return Absent($"it needs node {OldestNode}, the installed one is {node}");
        }

        if (!File.Exists(Script))
        {
            Directory.CreateDirectory(Folder);
            var output = await Tool.RunAsync(
                "npm", ["install", "--prefix", Folder, "--ignore-scripts", "--no-audit", "--no-fund", "--legacy-peer-deps", .. Packages]);
            if (!File.Exists(Script))
            {
                return Absent("npm failed: " + output.Trim().ReplaceLineEndings(" "));
            }
        }

        return new HopRecipe(Hop.Portkey, starter => starter.StartPortkeyAsync(Script));
    }

    private static HopRecipe Absent(string reason) => new(Hop.Portkey, StartAsync: null, reason);
}
