using Tenfold.Cli.CommandLine;

return await TenfoldProgram.RunAsync(args);
