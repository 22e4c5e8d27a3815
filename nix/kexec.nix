# What `ekexec image build --provider nix` takes: kernel, initrd, command line and what the initrd expects, side by side.
# ekexec adds the manifest: sizes and digests of what was built, found by going through the initrd as a kernel would.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (pkgs.stdenv) hostPlatform;
  about = {
    name = "nixos";
    architecture = if hostPlatform.isAarch64 then "arm64" else "amd64";
    release = config.boot.kernelPackages.kernel.modDirVersion;
    # Where identity.nix looks for the identity.
    adapter = "stage1";
  };
in
{
  system.build.ekexecImage = pkgs.linkFarm "ekexec-image" [
    {
      name = "kernel";
      path = "${config.system.build.kernel}/${config.system.boot.loader.kernelFile}";
    }
    {
      name = "initrd";
      path = "${config.system.build.netbootRamdisk}/initrd";
    }
    {
      name = "cmdline";
      path = pkgs.writeText "cmdline" (
        lib.concatStringsSep " " (
          [ "init=${config.system.build.toplevel}/init" ] ++ config.boot.kernelParams
        )
      );
    }
    {
      name = "ekexec.json";
      path = pkgs.writeText "ekexec.json" (builtins.toJSON about);
    }
  ];
}
