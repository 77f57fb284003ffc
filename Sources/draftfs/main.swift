print("draftfs")
