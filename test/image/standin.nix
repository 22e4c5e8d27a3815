# A small stand-in for NixOS's module system: modules are functions to sets, merged one into the other. Enough to
# evaluate what nix/ says, without what NixOS makes of it.
let
  folder = ../../nix;
  merge =
    a: b:
    if builtins.isAttrs a && builtins.isAttrs b then
      a
      // builtins.mapAttrs (name: value: if a ? ${name} then merge a.${name} value else value) b
    else if builtins.isList a && builtins.isList b then
      a ++ b
    else
      b;
  lib = {
    mkForce = value: value;
    mkDefault = value: value;
    mkBefore = value: value;
    concatStringsSep = builtins.concatStringsSep;
    trivial.release = "26.11";
  };
  names = [
    "arch-install-scripts" "btrfs-progs" "cryptsetup" "curl" "ddrescue" "dosfstools" "e2fsprogs" "ethtool" "file"
    "gptfdisk" "lsof" "lvm2" "mdadm" "nano" "ntfs3g" "nvme-cli" "parted" "pciutils" "rsync" "smartmontools" "strace"
    "tcpdump" "testdisk" "thin-provisioning-tools" "tmux" "usbutils" "vim" "xfsprogs" "xz" "zstd" "coreutils"
  ];
  pkgsFor =
    system:
    builtins.listToAttrs (
      map (name: {
        inherit name;
        value = "/nix/store/${name}";
      }) names
    )
    // {
      stdenv.hostPlatform.isAarch64 = system == "aarch64-linux";
      linkFarm = name: entries: { inherit name entries; };
      writeText = name: text: { inherit name text; };
    };
  nixosSystem =
    { system, modules }:
    let
      given = {
        system.build = {
          kernel = "/nix/store/linux";
          netbootRamdisk = "/nix/store/ramdisk";
          toplevel = "/nix/store/toplevel";
        };
        system.boot.loader.kernelFile = if system == "aarch64-linux" then "Image" else "bzImage";
        boot.kernelPackages.kernel.modDirVersion = "6.12.1";
      };
      arguments = {
        inherit config lib;
        pkgs = pkgsFor system;
        modulesPath = "/modules";
      };
      load =
        module:
        let
          value = if builtins.isPath module then import module else module;
        in
        removeAttrs (if builtins.isFunction value then value arguments else value) [ "imports" ];
      config = builtins.foldl' merge given (map load modules);
    in
    {
      inherit config;
    };
  flake = import (folder + "/flake.nix");
  outputs = flake.outputs {
    self = outputs;
    nixpkgs.lib.nixosSystem = nixosSystem;
  };
  whole = system: modules: (nixosSystem {
    inherit system;
    modules = [
      (folder + "/configuration.nix")
      (folder + "/identity.nix")
      (folder + "/kexec.nix")
    ]
    ++ modules;
  }).config;
  config = whole "x86_64-linux" [ ];
in
{
  inputs = builtins.attrNames flake.inputs;
  packages = builtins.mapAttrs (_: builtins.attrNames) outputs.packages;
  amd64 = outputs.packages.x86_64-linux.rescue;
  arm64 = outputs.packages.aarch64-linux.default;
  own = outputs.lib.image {
    system = "x86_64-linux";
    modules = [ { boot.kernelParams = [ "mine=1" ]; } ];
  };
  identity = config.boot.initrd.systemd.services.ekexec-identity;
  storePaths = config.boot.initrd.systemd.storePaths;
  inherit (config.services) openssh;
  networks = config.systemd.network.networks;
  failed = builtins.filter (one: !one.assertion) config.assertions;
  hostName = config.networking.hostName;
}
