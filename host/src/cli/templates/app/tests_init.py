# As a package, this folder has pytest import from the app's folder.
