using System.Globalization;
using System.Text.RegularExpressions;
using Xunit;
using YamlDotNet.Serialization;
using YamlDotNet.Serialization.NamingConventions;

namespace Gateway.Tests.Documents.Deployment;

/// <summary>The members of <c>compose.yaml</c> that it uses. YamlDotNet rejects all others.</summary>
internal sealed partial class ComposeFile
{
    public Dictionary<string, Service> Services { get; init; } = [];

    public Dictionary<string, object?> Volumes { get; init; } = [];

    public static ComposeFile Read(string text) => new DeserializerBuilder()
        .WithNamingConvention(UnderscoredNamingConvention.Instance)
        .WithDuplicateKeyChecking()
        .Build()
        .Deserialize<ComposeFile>(text);

    internal sealed partial class Service
    {
        public string Build { get; init; } = "";

        public string Image { get; init; } = "";

        public List<string> Ports { get; init; } = [];

        public List<EnvironmentFile> EnvFile { get; init; } = [];

        public List<string> Volumes { get; init; } = [];

        public bool ReadOnly { get; init; }

        public List<string> Tmpfs { get; init; } = [];

        public List<string> CapDrop { get; init; } = [];

        public List<string> SecurityOpt { get; init; } = [];

        public string MemLimit { get; init; } = "";

        public string Restart { get; init; } = "";

        public string StopGracePeriod { get; init; } = "";

        /// <summary>The memory in bytes, written in MiB such as <c>512m</c>.</summary>
        public long Memory => long.Parse(Mebibytes().Match(MemLimit).Groups["number"].ValueSpan, CultureInfo.InvariantCulture) << 20;

        /// <summary>The grace period, written as <c>5m30s</c>.</summary>
        public TimeSpan Grace
        {
            get
            {
                var time = Time().Match(StopGracePeriod);
                Assert.True(time.Success, StopGracePeriod);
                return new TimeSpan(
                    0,
                    int.Parse(time.Groups["minutes"].ValueSpan, CultureInfo.InvariantCulture),
                    int.Parse(time.Groups["seconds"].ValueSpan, CultureInfo.InvariantCulture));
            }
        }

        [GeneratedRegex("^(?<number>[0-9]+)m$", RegexOptions.ExplicitCapture)]
        private static partial Regex Mebibytes();

        [GeneratedRegex("^(?<minutes>[0-9]+)m(?<seconds>[0-9]+)s$", RegexOptions.ExplicitCapture)]
        private static partial Regex Time();
    }

    internal sealed class EnvironmentFile
    {
        public string Path { get; init; } = "";

        public bool Required { get; init; } = true;
    }
}
