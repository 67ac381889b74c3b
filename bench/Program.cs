using Tenfold.Bench;

return BenchCommand.Run(args);
